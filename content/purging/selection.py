"""The selection of a purge: tags, patterns, resources, addresses and groups that an operator names; and its scope."""

import re
from fnmatch import translate
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http.request import split_domain_port, validate_host

from content import resources
from content.caching.edge.page_store import KIND, path_tag
from content.caching.key import MAX_TAG_LENGTH, check_tags, resource_tag
from content.nearest import in_words, nearest
from content.purging.groups import tags_of_group
from content.purging.scope import Item, Scope

# Things that one purge may name.
MOST_NAMED = 1000
LONGEST_URL = 2048
# Names of fragments begin with it. They are known only once their templates were rendered.
FRAGMENT = "fragment."
# Each field with the word for one of its items.
KINDS = {"tags": "tag", "patterns": "pattern", "names": "resource", "urls": "address", "groups": "group"}
# Items of each kind, and characters of each, in a selection as words.
SHOWN, LONGEST_SHOWN = 3, 80
# The error of the database stands between these two.
NO_DATABASE = (
    "The database does not answer",
    "so it is not known which row a group names. Purge its tags, which need no database: of the category with the "
    "id 7 --tag category:7 --tag category:7:posts, of the post 42 --tag post:42.",
)


class BadSelection(ValueError):
    """A selection that cannot be purged. Its text says why, and what to write."""


class SurveyUnavailable(BadSelection):
    """A pattern that cannot be compared with what is stored, because the cache does not answer. Try again later."""


class Selection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`patterns`: of tags, with * ? and [abc]; one that begins with / is of the paths of pages."""

    tags: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    everything: bool = False

    @property
    def count(self) -> int:
        return sum(len(getattr(self, field)) for field in KINDS) + self.everything

    def first(self, most: int) -> "Selection":
        """The first of each kind."""
        return msgspec.structs.replace(self, **{field: getattr(self, field)[:most] for field in KINDS})

    def as_data(self) -> dict[str, Any]:
        """The selection as JSON, without empty fields."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data

    def __str__(self) -> str:
        parts = ["everything"] if self.everything else []
        for field, kind in KINDS.items():
            items = getattr(self, field)
            parts += [f"the {kind} {one_line(item)}" for item in items[:SHOWN]]
            parts += [f"{len(items) - SHOWN:,} more of this kind"] if len(items) > SHOWN else []
        return ", ".join(parts) or "nothing"


def one_line(text: str, most: int = LONGEST_SHOWN) -> str:
    """The text for a log or a page, with question marks for characters that cannot be printed."""
    line = "".join(character if character.isprintable() else "?" for character in text[:most])
    return line if len(text) <= most else f"{line[:-1]}…"


def read_selection(data: Any) -> Selection:
    """A selection from JSON, of the database or of a client. Raises BadSelection for data of another shape."""
    try:
        return msgspec.convert(data, Selection)
    except msgspec.ValidationError as error:
        raise BadSelection(f"This is no selection of what to purge: {error}.") from error


def resolve(selection: Selection) -> Scope:
    """Reads the database for groups. Raises BadSelection."""
    if not selection.count:
        raise BadSelection(
            "Nothing is named. Name a tag, a pattern, a resource, an address or a group, or everything."
        )
    if selection.count > MOST_NAMED:
        raise BadSelection(
            f"{selection.count:,} things are named; {MOST_NAMED:,} are the most. Use a pattern, a resource or --all."
        )
    try:
        check_tags(selection.tags)
        check_texts(selection)
        return Scope(
            (
                *(Item(f"the tag {tag}", (tag,)) for tag in selection.tags),
                *(Item(f"the pattern {text}", pattern=compile_pattern(text)) for text in selection.patterns),
                *(Item(f"the resource {name}", (tag_of_resource(name),)) for name in selection.names),
                *(Item(f"the address {url}", (path_tag(path_of(url)),)) for url in selection.urls),
                *(Item(f"the group {text}", tags_of_group(text)) for text in selection.groups),
                *([Item("everything", tags_of_everything())] if selection.everything else []),
            )
        )
    except (LookupError, ValueError) as error:
        raise BadSelection(str(error)) from error
    except (DatabaseError, InterfaceError) as error:
        raise BadSelection(f"{NO_DATABASE[0]} ({type(error).__name__}), {NO_DATABASE[1]}") from error


def check_texts(selection: Selection) -> None:
    """Raises ValueError for text that is no UTF-8, or that no database stores."""
    for field, kind in KINDS.items():
        for text in getattr(selection, field):
            if "\0" in text or not is_encodable(text):
                raise ValueError(f"The {kind} {text[:100]!r} has a character that is no text. Leave it out.")


def is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def tags_of_everything() -> tuple[str, ...]:
    return tuple(resource_tag(name) for name in sorted({*resources.BY_NAME, KIND.name}))


def tag_of_resource(name: str) -> str:
    """Raises LookupError."""
    known = sorted({*resources.BY_NAME, KIND.name})
    if name not in known and not name.startswith(FRAGMENT):
        near = in_words(nearest(name, known))
        raise LookupError(f"There is no resource {name[:100]}; there are {', '.join(known)}.{near}")
    return resource_tag(name)


def compile_pattern(text: str) -> re.Pattern[str]:
    """Raises ValueError."""
    if not 0 < len(text) <= MAX_TAG_LENGTH:
        raise ValueError(f"A pattern has 1 to {MAX_TAG_LENGTH} characters, as /posts/2018-* or post:*:card.")
    return re.compile(translate(f"path:{text}" if text.startswith("/") else text))


def path_of(url: str) -> str:
    """Path and query of a path, or of a URL of this site. Raises ValueError."""
    try:
        parts = urlsplit(url[:LONGEST_URL])
        host = split_domain_port(parts.netloc.lower())[0]
    except ValueError:
        raise ValueError(f"{url[:100]!r} is no URL. Write a path, as /posts/first/.") from None
    if not parts.path.startswith("/") or len(url) > LONGEST_URL:
        raise ValueError(f"{url[:100]!r} is neither a path nor a URL. Write /posts/first/.")
    if parts.netloc and not (host and validate_host(host, settings.ALLOWED_HOSTS)):
        raise ValueError(
            f"{parts.netloc[:100]} is no host of this site (ALLOWED_HOSTS). Write the path alone, "
            f"{parts.path[:100]}, to purge its page on every host."
        )
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
