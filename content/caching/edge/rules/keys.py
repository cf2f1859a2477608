"""Under which key a response is stored: its URL, and what Vary names (RFC 9111, sections 2 and 4.1)."""

import re
from collections.abc import Iterable

from content.caching.edge.rules.fields import Fields, members
from content.caching.keys import resource_key

NAME, SCHEMA = "page", 1
SPACES = re.compile(r"[ \t]+")
# Of what value does not change what they ask for.
LISTS_OF_TOKENS = frozenset({"accept", "accept-charset", "accept-encoding", "accept-language"})


def url_key(url: str) -> str:
    """Also the tag of all that is stored for that URL. Only GET is stored: the method is not in it."""
    return resource_key(NAME, SCHEMA, (url,))


def variant_key(url: str, vary: Iterable[str], request: Fields) -> str:
    return resource_key(NAME, SCHEMA, (url, *(f"{name}={selected(name, request)}" for name in sorted(vary))))


def vary_of(response: Fields) -> tuple[str, ...] | None:
    """The names, in lower case and sorted; None for *, which no other request matches."""
    names = {member.lower() for member in members(response.joined(b"vary"))}
    return None if "*" in names else tuple(sorted(names))


def selected(name: str, request: Fields) -> str:
    """What a request has to say there, normalised; absent is another thing than empty."""
    value = request.joined(name.encode("latin-1"))
    if value is None:
        return "-"
    found = members(value)
    if name in LISTS_OF_TOKENS:
        return "+" + ",".join(SPACES.sub("", member).lower() for member in found)
    return "+" + ",".join(found)
