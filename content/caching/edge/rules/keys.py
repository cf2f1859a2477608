"""Under which key a response is stored: its URL, and what Vary names (RFC 9111, sections 2 and 4.1)."""

import hashlib
import re
from collections.abc import Iterable

from content.caching.edge.rules.fields import Fields, members
from content.caching.keys import DIGEST_LENGTH, LONGEST_PARAMETERS

PREFIX = "page@1:"
# What URLs are made of: not a space, which Memcached forbids, nor a brace, which means something to a Redis Cluster,
# nor "#", which a digest follows.
PLAIN = re.compile(r"[A-Za-z0-9:/?@!$&'()*+,;=._~%\[\]-]+")
# The value of a Host field (RFC 9110, section 7.2; RFC 3986, section 3.2.2): nothing in it that begins a path or a
# query, or two requests for different things had one URL. None at all is what HTTP/1.0 may send.
HOST = re.compile(r"(?:[A-Za-z0-9._~%!$&'()*+,;=-]*|\[[A-Za-z0-9.:]+\])(?::[0-9]*)?")
SPACES = re.compile(r"[ \t]+")
# Of what value does not change what they ask for.
LISTS_OF_TOKENS = frozenset({"accept", "accept-charset", "accept-encoding", "accept-language"})


def url_key(url: str) -> str:
    """Also the tag of all that is stored for that URL. Only GET is stored: the method is not in it.

    The URL as it is, where it is made of what URLs are made of, and not too long; else what fits of it, and a digest.
    """
    if len(url) <= LONGEST_PARAMETERS and PLAIN.fullmatch(url):
        return PREFIX + url
    return digested(url, url)


def variant_key(url: str, vary: Iterable[str], request: Fields) -> str:
    said = [url, *(f"{name}={selected(name, request)}" for name in sorted(vary))]
    return digested(url, repr(said))


def digested(url: str, whole: str) -> str:
    """No two wholes share one, and no URL's own key has a "#"."""
    shown = PLAIN.match(url[: LONGEST_PARAMETERS - DIGEST_LENGTH - 1])
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_LENGTH]
    return f"{PREFIX}{shown[0] if shown else ''}#{digest}"


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
