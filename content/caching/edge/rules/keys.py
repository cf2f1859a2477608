"""Under which key a response is stored: its URL, and what Vary names (RFC 9111, sections 2 and 4.1)."""

import hashlib
import re
from collections.abc import Iterable

from ...key import DIGEST_LENGTH, MAX_PARAMETERS
from .fields import Fields, members

PREFIX = "page@1:"
# What URLs are made of: not a space, which Memcached forbids, nor a brace, which means something to a Redis Cluster,
# nor "#", which a digest follows.
PLAIN = re.compile(r"[A-Za-z0-9:/?@!$&'()*+,;=._~%\[\]-]+")
# The value of a Host field (RFC 9110, section 7.2; RFC 3986, section 3.2.2): nothing in it that begins a path or a
# query, or two requests for different things had one URL. None at all is what HTTP/1.0 may send.
HOST = re.compile(r"(?:[A-Za-z0-9._~%!$&'()*+,;=-]*|\[[A-Za-z0-9.:]+\])(?::[0-9]*)?")
_SPACES = re.compile(r"[ \t]+")
_BLANKS_ROUND_COMMAS = re.compile(r"[ \t]*,[ \t]*")
# Lists whose case and blanks do not change what they ask for.
_LISTS_OF_TOKENS = frozenset({"accept", "accept-charset", "accept-encoding", "accept-language"})
# Fields that are no list: a comma is a character of the value like any other.
_SINGLE_VALUES = frozenset(
    {"authorization", "cookie", "from", "host", "origin", "proxy-authorization", "referer", "user-agent"}
    | {"content-type", "content-length", "date", "max-forwards"}
    | {"if-modified-since", "if-unmodified-since", "if-range"}
    | {"sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "upgrade-insecure-requests", "dnt"}
)


def url_key(url: str) -> str:
    """Also the tag of all that is stored for that URL. Only GET is stored: the method is not in it.

    The URL as it is, where it is made of what URLs are made of, and not too long; else what fits of it, and a digest.
    """
    if len(url) <= MAX_PARAMETERS and PLAIN.fullmatch(url):
        return PREFIX + url
    return _digest_key(url, url)


def variant_key(url: str, vary: Iterable[str], request: Fields) -> str:
    said = [url, *(f"{name}={vary_value(name, request)}" for name in sorted(vary))]
    return _digest_key(url, repr(said))


def _digest_key(url: str, whole: str) -> str:
    """No two wholes share one, and no URL's own key has a "#"."""
    shown = PLAIN.match(url[: MAX_PARAMETERS - DIGEST_LENGTH - 1])
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_LENGTH]
    return f"{PREFIX}{shown[0] if shown else ''}#{digest}"


def vary_of(response: Fields) -> tuple[str, ...] | None:
    """The names, in lower case and sorted; None for *, which no other request matches."""
    names = {member.lower() for member in members(response.combined_value(b"vary"))}
    return None if "*" in names else tuple(sorted(names))


def vary_value(name: str, request: Fields) -> str:
    """The value by which responses are told apart; an absent field is another value than an empty one.

    Of a field that may be a list, blanks round commas do not count (RFC 9111, section 4.1); of one that is none, each
    character does."""
    value = request.combined_value(name.encode("latin-1"))
    if value is None:
        return "-"
    if name in _SINGLE_VALUES:
        return "+" + value
    if name in _LISTS_OF_TOKENS:
        return "+" + ",".join(_SPACES.sub("", member).lower() for member in members(value))
    return "+" + _BLANKS_ROUND_COMMAS.sub(",", value)
