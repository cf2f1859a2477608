"""The kinds of parameters, each bounded, and described for the OpenAPI document.

Strict: what is not plainly of its kind is refused, and nothing is guessed from it.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import Struct
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from content.api.shapes import Post, PostItem

DEFAULT_LIMIT, MOST, LAST_PAGE = 20, 100, 1000
LONGEST_TEXT = 200
NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2}))?", re.ASCII
)
SLUG = r"^[-\w]{1,200}$"
NO_NUL = r"^[^\x00]*$"
CURSOR = r"^[0-9]{1,16}-[0-9]{1,18}$"


def number(text: Any) -> int:
    if not NUMBER.fullmatch(str(text)):
        raise ValueError("not a number of at most 9 digits")
    return int(text)


def moment(text: Any) -> datetime:
    """A date is its first moment, in UTC."""
    if not MOMENT.fullmatch(str(text)):
        raise ValueError("neither a date (2026-01-31) nor a time with its zone (2026-01-31T09:00:00Z)")
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("no such day or time") from error


def moment_schema(description: str, example: str) -> WithJsonSchema:
    kinds = [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]
    return WithJsonSchema({"anyOf": kinds, "description": description, "examples": [example]})


def up_to(most: int) -> Callable[[int], int]:
    def checked(asked: int) -> int:
        if not 1 <= asked <= most:
            raise ValueError(f"not from 1 to {most}")
        return asked

    return checked


def upper_bound(most: int, description: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "integer", "minimum": 1, "maximum": most, "description": description})


Slug = Annotated[str, Field(pattern=SLUG, max_length=200, description="A name as in URLs.", examples=["first-light"])]
Limit = Annotated[int, BeforeValidator(number), AfterValidator(up_to(MOST)), upper_bound(MOST, "How many on a page.")]
PageNumber = Annotated[
    int, BeforeValidator(number), AfterValidator(up_to(LAST_PAGE)), upper_bound(LAST_PAGE, "Which page, from 1.")
]
After = Annotated[
    str,
    Field(pattern=CURSOR, description="Where the page begins: as `next` has it, and not to be made up."),
]
AfterSlug = Annotated[
    str, Field(pattern=SLUG, max_length=200, description="The page begins behind that slug, as in `next`.")
]
Since = Annotated[datetime, BeforeValidator(moment), moment_schema("Published then or later.", "2026-01-31")]
Until = Annotated[datetime, BeforeValidator(moment), moment_schema("Published before then.", "2026-01-31T09:00:00Z")]
Text = Annotated[
    str,
    Field(pattern=NO_NUL, min_length=1, max_length=LONGEST_TEXT, description="Words to find.", examples=["light"]),
]
Ordering = Annotated[
    Literal["newest", "oldest"],
    WithJsonSchema({"type": "string", "enum": ["newest", "oldest"], "description": "Which come first."}),
]


def choice_of(item: type[Struct]) -> Any:
    """A comma-separated choice of a struct's fields."""
    names = "|".join(item.__struct_fields__)
    return Field(
        pattern=f"^({names})(,({names}))*$",
        max_length=LONGEST_TEXT,
        description="Only these, by name, with commas: the answer has no others.",
        examples=[",".join(item.__struct_fields__[:2])],
    )


FieldsOfItem = Annotated[str, choice_of(PostItem)]
FieldsOfPost = Annotated[str, choice_of(Post)]
