"""Keys: readable, bounded in length, and never the same for two different sets of parameters."""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

# Memcached allows 250 bytes a key, of which Django's prefix and version take some.
MAX_PARAMETERS = 120
DIGEST_LENGTH = 32


def resource_key(name: str, schema: int, parameters: Sequence[Any]) -> str:
    """`<resource>@<schema>:<parameters>`; long parameters end in a digest of the whole."""
    return f"{name}@{schema}:{shorten(','.join(map(encode_parameter, parameters)))}"


def resource_tag(name: str) -> str:
    """Carried by every entry of a resource, and so by what was made of one."""
    return f"resource:{name}"


def tag_key(tag: str) -> str:
    return f"tag:{shorten(encode_parameter(tag))}"


def shorten(text: str) -> str:
    if len(text) <= MAX_PARAMETERS:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
    # "#" never comes out of `written`, so a shortened key is no other's full one.
    return f"{text[: MAX_PARAMETERS - DIGEST_LENGTH - 1]}#{digest}"


def encode_parameter(value: Any) -> str:
    """One parameter as text that no other value shares, of whatever type.

    A text that begins with a letter stands for itself, other texts follow an apostrophe, and what is no
    text follows "!": percent-encoding leaves neither of these marks in a text.
    """
    match value:
        case str():
            text = quote(value, safe=":", errors="surrogatepass").replace("~", "%7E")
            return text if text[:1].isalpha() else f"'{text}"
        case bool() | None:
            return f"!{value}"
        case int():
            return str(value)
        case float():
            return f"!{value!r}"
        case datetime() | date():
            return f"!{quote(value.isoformat())}"
        case tuple() | list():
            return f"({','.join(map(encode_parameter, value))})"
    raise TypeError(f"{value!r} cannot be a parameter of a resource: use text, numbers, dates or tuples.")


class EntryKey:
    """One entry that somebody asks for."""

    __slots__ = ("key", "owner", "parameters")

    def __init__(self, owner: Any, parameters: tuple[Any, ...], key: str) -> None:
        self.owner = owner
        self.parameters = parameters
        self.key = key
