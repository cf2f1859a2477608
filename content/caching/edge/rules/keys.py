"""Compute the key of a stored response from its URL and Vary (RFC 9111, sections 2 and 4.1)."""

import hashlib
import re
from collections.abc import Iterable

from ...key import DIGEST_LENGTH, MAX_PARAMETERS
from .fields import Fields, members

PREFIX = "page@1:"
# Characters that a key takes from a URL unchanged. Memcached forbids spaces. Braces are hash tags in Redis Cluster.
# "#" begins a digest.
PLAIN = re.compile(r"[A-Za-z0-9:/?@!$&'()*+,;=._~%\[\]-]+")
# The value of a Host field (RFC 9110, section 7.2; RFC 3986, section 3.2.2). It cannot contain the start of a path or
# query: two different requests would have the same URL. It may be empty, as in HTTP/1.0.
HOST = re.compile(r"(?:[A-Za-z0-9._~%!$&'()*+,;=-]*|\[[A-Za-z0-9.:]+\])(?::[0-9]*)?")
_SPACES = re.compile(r"[ \t]+")
_BLANKS_ROUND_COMMAS = re.compile(r"[ \t]*,[ \t]*")
# Lists in which case and spaces do not matter.
_LISTS_OF_TOKENS = frozenset({"accept", "accept-charset", "accept-encoding", "accept-language"})
# Fields whose value is not a list. A comma in them does not separate members.
_SINGLE_VALUES = frozenset(
    {"authorization", "cookie", "from", "host", "origin", "proxy-authorization", "referer", "user-agent"}
    | {"content-type", "content-length", "date", "max-forwards"}
    | {"if-modified-since", "if-unmodified-since", "if-range"}
    | {"sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "upgrade-insecure-requests", "dnt"}
)


def url_key(url: str) -> str:
    """The key of a URL. It is also the tag of all values stored for that URL.

    A short URL of plain characters is used unchanged. Others are cut and get a digest. The method is not part of the
    key, since only responses to GET are stored.
    """
    if len(url) <= MAX_PARAMETERS and PLAIN.fullmatch(url):
        return PREFIX + url
    return _digest_key(url, url)


def variant_key(url: str, vary: Iterable[str], request: Fields) -> str:
    """The key of the variant that a request selects by the field names in `vary`."""
    parts = [url, *(f"{name}={vary_value(name, request)}" for name in sorted(vary))]
    return _digest_key(url, repr(parts))


def _digest_key(url: str, whole: str) -> str:
    """A key with a digest of `whole`. It differs from every plain key by its "#"."""
    shown = PLAIN.match(url[: MAX_PARAMETERS - DIGEST_LENGTH - 1])
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_LENGTH]
    return f"{PREFIX}{shown[0] if shown else ''}#{digest}"


def vary_of(response: Fields) -> tuple[str, ...] | None:
    """The field names in Vary, in lower case and sorted. None for "*", which no other request matches."""
    names = {member.lower() for member in members(response.combine(b"vary"))}
    return None if "*" in names else tuple(sorted(names))


def vary_value(name: str, request: Fields) -> str:
    """The value of a request field, normalized for comparison. An absent field differs from an empty one.

    Spaces around commas do not matter in a list (RFC 9111, section 4.1). Other fields are compared exactly.
    """
    value = request.combine(name.encode("latin-1"))
    if value is None:
        return "-"
    if name in _SINGLE_VALUES:
        return "+" + value
    if name in _LISTS_OF_TOKENS:
        return "+" + ",".join(_SPACES.sub("", member).lower() for member in members(value))
    return "+" + _BLANKS_ROUND_COMMAS.sub(",", value)
