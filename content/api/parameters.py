"""The kinds of parameters, each bounded, and described for the OpenAPI document.

Parsing is strict: a value that is not plainly of its kind is refused.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from msgspec import Struct
from ninja import Query
from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from content.api.schemas import Post, PostItem

DEFAULT_LIMIT, MOST, LAST_PAGE = 20, 100, 1000
# Characters.
LONGEST_TEXT = 200
NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2}))?", re.ASCII
)
SLUG = r"^[-\w]{1,200}$"
NO_NUL = r"^[^\x00]*$"
CURSOR = r"^[0-9]{1,16}-[0-9]{1,18}$"


class WithoutNull:
    """Remove null from the schema of a parameter: no query can contain it."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema = handler(schema)
        choices = [choice for choice in json_schema.pop("anyOf") if choice != {"type": "null"}]
        return json_schema | (choices[0] if len(choices) == 1 else {"anyOf": choices})


T = TypeVar("T")
# A parameter that may be left out: then it is None.
Omittable = Annotated[T | None, WithoutNull(), Query(None)]


def parse_number(text: Any) -> int:
    if not NUMBER.fullmatch(str(text)):
        raise ValueError("not a number of at most 9 digits")
    return int(text)


def parse_moment(text: Any) -> datetime:
    """Parse a time with its zone, or a date, which is its first moment in UTC."""
    if not MOMENT.fullmatch(str(text)):
        raise ValueError("neither a date (2026-01-31) nor a time with its zone (2026-01-31T09:00:00Z)")
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("no such day or time") from error


def moment_schema(description: str) -> WithJsonSchema:
    kinds = [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]
    return WithJsonSchema({"anyOf": kinds, "description": description})


def up_to(most: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if not 1 <= value <= most:
            raise ValueError(f"not from 1 to {most}")
        return value

    return check


def upper_bound(most: int, description: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "integer", "minimum": 1, "maximum": most, "description": description})


# Examples stand in the descriptions: Swagger UI sends each `example`, and `examples` of django-ninja are invalid.
Slug = Annotated[str, Field(pattern=SLUG, max_length=200, description="A name as in URLs, such as first-light.")]
Limit = Annotated[
    int, BeforeValidator(parse_number), AfterValidator(up_to(MOST)), upper_bound(MOST, "How many on a page.")
]
PageNumber = Annotated[
    int,
    BeforeValidator(parse_number),
    AfterValidator(up_to(LAST_PAGE)),
    upper_bound(LAST_PAGE, "Which page, from 1."),
]
After = Annotated[
    str,
    Field(pattern=CURSOR, description="The position where the page begins, as in `next`."),
]
AfterSlug = Annotated[
    str, Field(pattern=SLUG, max_length=200, description="The page begins after this slug, as in `next`.")
]
Since = Annotated[
    datetime, BeforeValidator(parse_moment), moment_schema("Published then or later, such as 2026-01-31.")
]
Until = Annotated[
    datetime, BeforeValidator(parse_moment), moment_schema("Published before then, such as 2026-01-31T09:00:00Z.")
]
Text = Annotated[
    str, Field(pattern=NO_NUL, min_length=1, max_length=LONGEST_TEXT, description="Words to find, such as light.")
]
Ordering = Annotated[
    Literal["newest", "oldest"],
    WithJsonSchema({"type": "string", "enum": ["newest", "oldest"], "description": "Which come first."}),
]


def choice_of(item: type[Struct]) -> Any:
    """A comma-separated choice of a struct's fields."""
    names = "|".join(item.__struct_fields__)
    description = "Only these fields, by name, with commas, such as slug,title."
    return Field(pattern=f"^({names})(,({names}))*$", max_length=LONGEST_TEXT, description=description)


FieldsOfItem = Annotated[str, choice_of(PostItem)]
FieldsOfPost = Annotated[str, choice_of(Post)]
