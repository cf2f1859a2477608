"""Parse Cache-Control (RFC 9111, section 5.2), targeted fields (RFC 9213) and Pragma (RFC 9111, section 5.4)."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import http_sf

from .fields import Fields, members, unquote

# Larger numbers of seconds count as this one (RFC 9111, section 1.2.2).
LONGEST = 2_147_483_648
# Number of parsed values that are cached, and their longest length in characters. A site sends few different values.
# A client may send long ones, and a parsed value takes much more memory than its text.
_MOST_CACHED, _LONGEST_CACHED = 1000, 200
_DELTA = re.compile(r"[0-9]{1,30}")
_CACHE_CONTROL = b"cache-control"
_SURROGATE = b"surrogate-control"
# The argument of a directive that is present but unusable. It allows nothing.
_INVALID = ""
# A member of a targeted field. It lets a stricter field of the response override this one. `cache_page` writes it.
# Other caches ignore a directive that they do not know.
AT_MOST = "at-most"
_LIFETIMES = ("s-maxage", "max-age")
SWR = "stale-while-revalidate"
_STALE_TIMES = (SWR, "stale-if-error")
PROHIBITION = re.compile(r"private|no-store|no-cache", re.IGNORECASE)
# A directive (RFC 9111, section 5.2): a token, then optionally "=" and a token or a quoted string.
_DIRECTIVE = re.compile(r"""[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*=[ \t]*(?:[^\s",;=]*|"(?:[^"\\]|\\.)*"))?""")
_QUOTED_OR_UPPER = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Z]+')


class Directives:
    """Arguments by directive name, in lower case. A directive without an argument has None.

    A malformed member that contains a prohibition counts as no-store. A directive that is repeated with different
    arguments is ignored, and the response counts as stale (RFC 9111, section 4.2.1).
    """

    __slots__ = ("arguments",)

    def __init__(self, arguments: Mapping[str, str | None]) -> None:
        self.arguments = arguments

    def __contains__(self, name: str) -> bool:
        return name in self.arguments

    def seconds(self, name: str) -> float | None:
        """The argument in seconds. None if the directive is absent, 0 if the argument is not a number."""
        if name not in self.arguments:
            return None
        text = self.arguments[name]
        if text is None or not _DELTA.fullmatch(text):
            return 0.0
        return float(min(int(text), LONGEST))

    def names(self, name: str) -> frozenset[bytes] | None:
        """The field names in a qualified no-cache or private. None if it is unqualified or absent."""
        text = self.arguments.get(name)
        if text is None:
            return None
        return frozenset(member.lower().encode("latin-1", "ignore") for member in members(text))

    def is_unqualified(self, name: str) -> bool:
        """Whether the directive is present and applies to the whole response."""
        return name in self.arguments and not self.names(name)


def parse_directives(value: str | None) -> Directives:
    return _parse_members(value) if value is not None and len(value) > _LONGEST_CACHED else parse_cached(value)


@lru_cache(_MOST_CACHED)
def parse_cached(value: str | None) -> Directives:
    return _parse_members(value)


def _parse_members(value: str | None) -> Directives:
    found: dict[str, str | None] = {}
    for member in members(value):
        if not _DIRECTIVE.fullmatch(member) and PROHIBITION.search(member):
            found["no-store"] = None
            continue
        name, equals, argument = member.partition("=")
        name = name.strip(" \t").lower()
        text = unquote(argument.strip(" \t")) if equals else None
        if name in found and found[name] != text:
            text = _merge(name, found[name], text)
        found[name] = text
    return Directives(found)


def _merge(name: str, first: str | None, second: str | None) -> str | None:
    if name in ("no-cache", "private"):
        # Unqualified if either is.
        return f"{first}, {second}" if first and second else None
    return _INVALID


def request_directives(fields: Fields) -> Directives:
    """Parse the directives of a request. Pragma counts only without Cache-Control."""
    value = fields.combine(b"cache-control")
    if value is None and "no-cache" in (member.lower() for member in members(fields.combine(b"pragma"))):
        return Directives({"no-cache": None})
    return parse_directives(value)


def response_directives(fields: Fields, targeted: Sequence[bytes]) -> tuple[Directives, bool]:
    """The directives that this cache obeys, and whether they replace Expires as well.

    The first valid targeted field replaces Cache-Control and Expires (RFC 9213, section 2.2), unless it contains
    AT_MOST. A targeted field that cannot be parsed is ignored, as that section demands. Its prohibitions and limits
    still apply, so that a malformed field never makes a response cached for longer.
    """
    doubtful: list[Directives] = []
    for name in targeted:
        value = fields.combine(name)
        if value is None:
            continue
        found = _parse_surrogate(value) if name == _SURROGATE else _parse_structured(value)
        if found is not None and AT_MOST in found:
            others = [fields.combine(other) for other in (*targeted, _CACHE_CONTROL) if other != name]
            return _permission_at_most(found, [each for each in others if each is not None]), False
        if found is not None:
            return _strictest(found, *doubtful), True
        doubtful.append(_limits_in(value))
    return _strictest(parse_directives(fields.combine(_CACHE_CONTROL)), *doubtful), False


def _limits_in(value: str) -> Directives:
    """The prohibitions and valid times in a field that is not a Dictionary."""
    arguments = parse_directives(value.replace(";", ",")).arguments
    limits = {
        name: each for name, each in arguments.items() if name not in _LIFETIMES or _DELTA.fullmatch(each or "")
    }
    return Directives({**limits, "no-store": None} if PROHIBITION.search(value) else limits)


def _permission_at_most(permission: Directives, others: Sequence[str]) -> Directives:
    """Limit a permission by the other fields of the response. A prohibition in any of them forbids storing."""
    if any(map(PROHIBITION.search, others)):
        return Directives({"private": None})
    words = [parse_directives(other) for other in others]
    left = _strictest(permission, *words)
    return Directives({**left.arguments, "public": None}) if any("public" in each for each in words) else left


def _strictest(first: Directives, *others: Directives) -> Directives:
    """Combine the prohibitions of all, the shortest of their times, and the permissions of the first.

    A lifetime of 0 allows no stale times either.
    """
    if not others:
        return first
    arguments = dict(first.arguments)
    for other in others:
        for name, argument in other.arguments.items():
            if name not in (*_LIFETIMES, *_STALE_TIMES, "public"):
                arguments.setdefault(name, argument)
    lives = [life for each in (first, *others) if (life := lifetime_of(each)) is not None]
    if lives:
        if any("s-maxage" in other for other in others):
            # s-maxage implies it (RFC 9111, section 5.2.2.10).
            arguments["proxy-revalidate"] = None
        arguments = {name: each for name, each in arguments.items() if name != "s-maxage"}
        arguments["max-age"] = str(int(min(lives)))
    for name in _STALE_TIMES:
        said = [seconds for each in (first, *others) if (seconds := each.seconds(name)) is not None]
        if said and name in first:
            arguments[name] = str(int(min(said)) if not lives or min(lives) > 0 else 0)
    return Directives(arguments)


def lifetime_of(directives: Directives) -> float | None:
    """The lifetime in seconds. In a shared cache s-maxage overrides max-age."""
    for name in _LIFETIMES:
        if (seconds := directives.seconds(name)) is not None:
            return seconds
    return None


@lru_cache(_MOST_CACHED)
def _parse_structured(value: str) -> Directives | None:
    """Parse a Dictionary (RFC 9651) with keys in any case. None if it is invalid or empty."""
    lower = _QUOTED_OR_UPPER.sub(lambda found: found[0] if found[0][0] == '"' else found[0].lower(), value)
    try:
        dictionary: Any = http_sf.parse(lower.encode("latin-1"), tltype="dictionary")
    except ValueError:
        return None
    found = {str(name): _argument_of(member) for name, member in dictionary.items()}
    return Directives(found) if found else None


def _parse_surrogate(value: str) -> Directives:
    """Parse members as in Cache-Control. The text after a semicolon names the caches that are addressed."""
    return parse_directives(", ".join(member.partition(";")[0] for member in members(value)))


def _argument_of(member: object) -> str | None:
    """The argument of a member, without parameters. Only integers, strings and true are valid."""
    item = member[0] if isinstance(member, tuple) else member
    if item is True:
        return None
    if isinstance(item, bool) or not isinstance(item, int | str):
        return _INVALID
    return str(item)
