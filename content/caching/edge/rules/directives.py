"""Cache-Control (RFC 9111, section 5.2), its targeted kin (RFC 9213), and Pragma (RFC 9111, section 5.4)."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import http_sf

from content.caching.edge.rules.fields import Fields, members, unquoted

# "Greater than 2147483648" is as good as that (RFC 9111, section 1.2.2).
LONGEST = 2_147_483_648
# Sites say few different things, over and over: values whose meaning is kept, up to so many characters. Clients may
# say what they like, and what their longest means takes much more memory than to say it.
KNOWN, LONGEST_KNOWN = 1000, 200
DELTA = re.compile(r"[0-9]{1,30}")
SURROGATE = b"surrogate-control"
# Present, and unusable: whatever it would have allowed is not.
INVALID = ""


class Directives:
    """By name, in lower case; the argument, or None where there is none.

    Of one that comes twice with different arguments nothing is believed: it is as if stale (RFC 9111, section 4.2.1).
    """

    __slots__ = ("arguments",)

    def __init__(self, arguments: Mapping[str, str | None]) -> None:
        self.arguments = arguments

    def __contains__(self, name: str) -> bool:
        return name in self.arguments

    def seconds(self, name: str) -> float | None:
        """None where it is absent; 0 for what is no number of seconds."""
        if name not in self.arguments:
            return None
        text = self.arguments[name]
        if text is None or not DELTA.fullmatch(text):
            return 0.0
        return float(min(int(text), LONGEST))

    def names(self, name: str) -> frozenset[bytes] | None:
        """The fields that a qualified no-cache or private is about; None where it is about all, or absent."""
        text = self.arguments.get(name)
        if text is None:
            return None
        return frozenset(member.lower().encode("latin-1", "ignore") for member in members(text))

    def is_whole(self, name: str) -> bool:
        """There, and not about single fields alone."""
        return name in self.arguments and not self.names(name)


def parsed(value: str | None) -> Directives:
    return read(value) if value is not None and len(value) > LONGEST_KNOWN else known(value)


@lru_cache(KNOWN)
def known(value: str | None) -> Directives:
    return read(value)


def read(value: str | None) -> Directives:
    found: dict[str, str | None] = {}
    for member in members(value):
        name, equals, argument = member.partition("=")
        name = name.strip(" \t").lower()
        text = unquoted(argument.strip(" \t")) if equals else None
        if name in found and found[name] != text:
            text = merged(name, found[name], text)
        found[name] = text
    return Directives(found)


def merged(name: str, first: str | None, second: str | None) -> str | None:
    if name in ("no-cache", "private"):
        # About all, if one of them is.
        return f"{first}, {second}" if first and second else None
    return INVALID


def request_directives(fields: Fields) -> Directives:
    """Pragma counts where there is no Cache-Control."""
    value = fields.joined(b"cache-control")
    if value is None and "no-cache" in (member.lower() for member in members(fields.joined(b"pragma"))):
        return Directives({"no-cache": None})
    return parsed(value)


def response_directives(fields: Fields, targeted: Iterable[bytes]) -> tuple[Directives, bool]:
    """Those that this cache obeys, and whether they were meant for it: the first targeted field that is there and
    valid, then neither Cache-Control nor Expires counts (RFC 9213, section 2.2)."""
    for name in targeted:
        value = fields.joined(name)
        found = None if value is None else surrogate(value) if name == SURROGATE else structured(value)
        if found is not None:
            return found, True
    return parsed(fields.joined(b"cache-control")), False


@lru_cache(KNOWN)
def structured(value: str) -> Directives | None:
    """A Dictionary (RFC 9651); None where it is none, or empty."""
    try:
        dictionary: Any = http_sf.parse(value.encode("latin-1"), tltype="dictionary")
    except ValueError:
        return None
    found = {str(name): argument_of(member) for name, member in dictionary.items()}
    return Directives(found) if found else None


def surrogate(value: str) -> Directives:
    """Members as in Cache-Control; what follows a semicolon names the caches that it is for."""
    return parsed(", ".join(member.partition(";")[0] for member in members(value)))


def argument_of(member: object) -> str | None:
    """Parameters say nothing that we know; what is no number, text or true is not believed."""
    item = member[0] if isinstance(member, tuple) else member
    if item is True:
        return None
    if isinstance(item, bool) or not isinstance(item, int | str):
        return INVALID
    return str(item)
