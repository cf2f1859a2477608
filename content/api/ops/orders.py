"""The bodies of requests: orders with bounds, described for the OpenAPI document."""

from typing import Annotated, Any, TypeVar

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from msgspec import Meta, Struct

from content.api.errors import Place, Refusal
from content.api.parameters import NO_NUL
from content.caching.key import MAX_TAG_LENGTH
from content.nearest import in_words, nearest
from content.purging import Selection
from content.purging.selection import LONGEST_URL, MOST_NAMED
from content.warming.choice import LONGEST, MOST_CHOSEN, MOST_TOP, NAMES, Choice, read_choice

# Bytes of a body.
MOST_BYTES = 1024 * 1024
JSON = "application/json"


# Wrong names are refused by what reads them, which says what is near.
Text = Annotated[str, Meta(min_length=1, max_length=LONGEST, pattern=NO_NUL)]
TagText = Annotated[str, Meta(min_length=1, max_length=MAX_TAG_LENGTH, pattern=NO_NUL)]
Address = Annotated[str, Meta(min_length=1, max_length=LONGEST_URL, pattern=NO_NUL)]

KNOWN = f"Resources by name: {', '.join(NAMES)}."
Names = Annotated[tuple[Text, ...], Meta(max_length=MOST_CHOSEN, description=KNOWN, examples=[["post", "page"]])]
Urls = Annotated[
    tuple[Text, ...],
    Meta(
        max_length=MOST_CHOSEN, description="Pages by path, or by an address of this site.", examples=[["/archive/"]]
    ),
]
Tags = Annotated[
    tuple[TagText, ...],
    Meta(max_length=MOST_CHOSEN, description="What is stored with one of these tags.", examples=[["category:7"]]),
]
Patterns = Annotated[
    tuple[Text, ...],
    Meta(
        max_length=MOST_CHOSEN,
        description="Pages by path, or entries by name; * stands for any text.",
        examples=[["/posts/2026-*"]],
    ),
]
Top = Annotated[int, Meta(ge=1, le=MOST_TOP, description="The popular, with so many of the most viewed posts.")]
Stale = Annotated[bool, Meta(description="Only what is stored and not fresh any more.")]
WholeSite = Annotated[bool, Meta(description="The whole catalogue.")]
DryRun = Annotated[bool, Meta(description="Say what would be done, and do nothing.")]


class WarmOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """An order to warm all that one of the fields names; the popular, if none does."""

    names: Names = ()
    urls: Urls = ()
    tags: Tags = ()
    patterns: Patterns = ()
    top: Top | None = None
    stale: Stale = False
    everything: WholeSite = False
    dry_run: DryRun = False

    def choice(self) -> Choice:
        data = msgspec.structs.asdict(self)
        del data["dry_run"]
        return read_choice(data)


Groups = Annotated[
    tuple[Address, ...],
    Meta(
        max_length=MOST_NAMED,
        description="All of a category, tag, author or post, or of a month.",
        examples=[["category:7", "archive:2018-05"]],
    ),
]
PurgedTags = Annotated[
    tuple[TagText, ...],
    Meta(max_length=MOST_NAMED, description="What has one of these tags.", examples=[["post:42"]]),
]
TagPatterns = Annotated[
    tuple[TagText, ...],
    Meta(
        max_length=MOST_NAMED,
        description="Pages by path, or what has a tag like this.",
        examples=[["/posts/2018-*", "post:*:card"]],
    ),
]
Resources = Annotated[tuple[Text, ...], Meta(max_length=MOST_NAMED, description=KNOWN, examples=[["post"]])]
Paths = Annotated[
    tuple[Address, ...],
    Meta(max_length=MOST_NAMED, description="Pages by path, on every host.", examples=[["/posts/first-light/"]]),
]
Everything = Annotated[bool, Meta(description="Every page and every entry.")]
Soft = Annotated[bool, Meta(description="Serve them as stale while they are made again.")]


class PurgeOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """An order to purge all that one of the fields names: at least one thing, and 1,000 at most."""

    groups: Groups = ()
    tags: PurgedTags = ()
    patterns: TagPatterns = ()
    resources: Resources = ()
    urls: Paths = ()
    everything: Everything = False
    soft: Soft = False
    dry_run: DryRun = False

    def selection(self) -> Selection:
        return Selection(
            tags=self.tags,
            patterns=self.patterns,
            names=self.resources,
            urls=self.urls,
            groups=self.groups,
            everything=self.everything,
        )


Order = TypeVar("Order", WarmOrder, PurgeOrder)


def read_body(request: HttpRequest) -> bytes:
    """Raises Refusal for a body of another kind, and for one that is too large."""
    if request.content_type != JSON:
        raise Refusal(415, f"Send a JSON object, with Content-Type: {JSON}.", headers={"Accept": JSON})
    try:
        body = request.read(MOST_BYTES + 1)
    except RequestDataTooBig:
        body = None
    if body is None or len(body) > MOST_BYTES:
        raise Refusal(413, f"The body has more than {MOST_BYTES:,} bytes. Name a resource, a pattern or everything.")
    return body


def parse_order(body: bytes, kind: type[Order]) -> Order:
    """Raises Refusal, with the place of the mistake."""
    try:
        return msgspec.convert(convert_numbers(msgspec.json.decode(body)), kind)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        name = path.strip("`").removeprefix(".") or unknown_field(text) or "body"
        place = Place("body", name[:100], f"{text[:200]}.{help_with(name, kind)}")
        raise Refusal(400, f"What is ordered cannot be done: see {place.name}.", place) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"The body is no JSON: {str(error)[:200]}. Send an object, as {{}}.") from error


def convert_numbers(data: Any) -> Any:
    """Replace 7.0 by 7: JSON Schema takes 7.0 for an integer, and msgspec does not."""
    if not isinstance(data, dict):
        return data
    return {name: int(each) if isinstance(each, float) and each.is_integer() else each for name, each in data.items()}


def unknown_field(text: str) -> str:
    """The name in msgspec's message about a field that the order does not have."""
    return text.partition("unknown field `")[2].rstrip("`")


def help_with(name: str, kind: type[Order]) -> str:
    known = kind.__struct_fields__
    if name in known or name == "body" or "[" in name:
        return ""
    return f"{in_words(nearest(name, known))} There are {', '.join(known)}."
