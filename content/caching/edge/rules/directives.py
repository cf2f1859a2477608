"""Cache-Control (RFC 9111, section 5.2), its targeted kin (RFC 9213), and Pragma (RFC 9111, section 5.4)."""

import re
from collections.abc import Mapping, Sequence
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
CACHE_CONTROL = b"cache-control"
SURROGATE = b"surrogate-control"
# Present, and unusable: whatever it would have allowed is not.
INVALID = ""
# The member of a targeted field that makes it a permission at most: wherever another field of the response is
# stricter, that one holds. `cache_page` writes it; other caches ignore a directive they do not know.
AT_MOST = "at-most"
LIFETIMES = ("s-maxage", "max-age")
STALE_TIMES = ("stale-while-revalidate", "stale-if-error")
PROHIBITION = re.compile(r"private|no-store|no-cache", re.IGNORECASE)
# A directive (RFC 9111, section 5.2): a token, then perhaps a token or a quoted string.
DIRECTIVE = re.compile(r"""[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*=[ \t]*(?:[^\s",;=]*|"(?:[^"\\]|\\.)*"))?""")
_QUOTED_OR_UPPER = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Z]+')


class Directives:
    """By name, in lower case; the argument, or None where there is none.

    A member that is no directive and contains a prohibition forbids to store: in doubt nothing is stored. A directive
    that comes twice with different arguments is not believed: the response counts as stale (RFC 9111, section 4.2.1).
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
        if not DIRECTIVE.fullmatch(member) and PROHIBITION.search(member):
            found["no-store"] = None
            continue
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


def response_directives(fields: Fields, targeted: Sequence[bytes]) -> tuple[Directives, bool]:
    """The directives that this cache obeys, and whether they replace Expires as well.

    The first valid targeted field replaces Cache-Control and Expires (RFC 9213, section 2.2), unless it is a
    permission at most. A targeted field that cannot be parsed is ignored, as that section says, but only where the
    response is cached for no longer then: what it forbids in any case of letters, or limits, holds.
    """
    doubtful: list[Directives] = []
    for name in targeted:
        value = fields.joined(name)
        if value is None:
            continue
        found = surrogate(value) if name == SURROGATE else structured(value)
        if found is not None and AT_MOST in found:
            others = [fields.joined(other) for other in (*targeted, CACHE_CONTROL) if other != name]
            return permission_at_most(found, [each for each in others if each is not None]), False
        if found is not None:
            return strictest(found, *doubtful), True
        doubtful.append(limits_in(value))
    return strictest(parsed(fields.joined(CACHE_CONTROL)), *doubtful), False


def limits_in(value: str) -> Directives:
    """What a field that is no Dictionary forbids or limits: prohibitions in any case, times that can be read."""
    arguments = parsed(value.replace(";", ",")).arguments
    limits = {name: each for name, each in arguments.items() if name not in LIFETIMES or DELTA.fullmatch(each or "")}
    return Directives({**limits, "no-store": None} if PROHIBITION.search(value) else limits)


def permission_at_most(permission: Directives, others: Sequence[str]) -> Directives:
    """What is left of it beside the other fields of a response. A prohibition anywhere in them forbids to store."""
    if any(map(PROHIBITION.search, others)):
        return Directives({"private": None})
    words = [parsed(other) for other in others]
    left = strictest(permission, *words)
    return Directives({**left.arguments, "public": None}) if any("public" in each for each in words) else left


def strictest(first: Directives, *others: Directives) -> Directives:
    """All that any of them forbids, and the shortest of their times; permissions of the first alone.

    A lifetime of nothing allows no stale times either.
    """
    if not others:
        return first
    arguments = dict(first.arguments)
    for other in others:
        for name, argument in other.arguments.items():
            if name not in (*LIFETIMES, *STALE_TIMES, "public"):
                arguments.setdefault(name, argument)
    lives = [life for each in (first, *others) if (life := lifetime_of(each)) is not None]
    if lives:
        if any("s-maxage" in other for other in others):
            arguments["proxy-revalidate"] = None  # which it implies (RFC 9111, section 5.2.2.10)
        arguments = {name: each for name, each in arguments.items() if name != "s-maxage"}
        arguments["max-age"] = str(int(min(lives)))
    for name in STALE_TIMES:
        said = [seconds for each in (first, *others) if (seconds := each.seconds(name)) is not None]
        if said and name in first:
            arguments[name] = str(int(min(said)) if not lives or min(lives) > 0 else 0)
    return Directives(arguments)


def lifetime_of(directives: Directives) -> float | None:
    """Seconds; a shared cache asks s-maxage first."""
    for name in LIFETIMES:
        if (seconds := directives.seconds(name)) is not None:
            return seconds
    return None


@lru_cache(KNOWN)
def structured(value: str) -> Directives | None:
    """A Dictionary (RFC 9651), its keys in any case of letters; None where it is none, or empty."""
    lower = _QUOTED_OR_UPPER.sub(lambda found: found[0] if found[0][0] == '"' else found[0].lower(), value)
    try:
        dictionary: Any = http_sf.parse(lower.encode("latin-1"), tltype="dictionary")
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
