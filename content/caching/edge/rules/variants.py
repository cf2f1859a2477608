"""Tell stored responses apart: by URL and Vary (RFC 9111, 2 and 4.1), and by content coding (RFC 9110, 12.5.3)."""

import hashlib
import re
from collections.abc import Iterable, Sequence

from ...key import DIGEST_LENGTH, MAX_PARAMETERS
from .directives import parse_directives
from .fields import Fields, members

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


def name_of_url(url: str) -> str:
    """A URL as keys and tags name it: itself if it is short and of plain characters; else cut, with a digest."""
    if len(url) <= MAX_PARAMETERS and PLAIN.fullmatch(url):
        return url
    return _name_with_digest(url, url)


def name_of_variant(url: str, vary: Iterable[str], request: Fields) -> str:
    """The variant that a request selects by the field names in `vary`, as keys name it."""
    parts = [url, *(f"{name}={vary_value(name, request)}" for name in sorted(vary))]
    return _name_with_digest(url, repr(parts))


def _name_with_digest(url: str, whole: str) -> str:
    """A name with a digest of `whole`. It differs from every plain name by its "#"."""
    shown = PLAIN.match(url[: MAX_PARAMETERS - DIGEST_LENGTH - 1])
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_LENGTH]
    return f"{shown[0] if shown else ''}#{digest}"


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


# --- content codings (RFC 9110, sections 8.4 and 12.5.3) ---

_WEIGHT = re.compile(r"[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*", re.IGNORECASE)
# Smaller bodies fit into one packet uncompressed (bytes).
SMALLEST_CODED = 860
_TEXT = re.compile(
    r"text/.+|application/([\w.-]+\+)?(json|xml)|application/(javascript|manifest)|image/svg\+xml", re.IGNORECASE
)
# Fields that describe the exact bytes.
_OF_THE_BYTES = (b"content-encoding", b"content-range", b"content-digest", b"digest", b"content-md5")


def choose_codings(accept_encoding: str | None, offered: Sequence[str]) -> tuple[str, ...]:
    """Choose the offered codings that a client accepts, by its weights and then in the order offered.

    Codings that it prefers less than identity are left out. Without Accept-Encoding the result is empty.
    """
    if accept_encoding is None:
        return ()
    weights = _weights_of(accept_encoding)
    others, plain = weights.get("*", 0.0), weights.get("identity", 0.0)
    found = [(weights.get(coding, others), coding) for coding in offered]
    chosen = [(weight, coding) for weight, coding in found if weight > 0 and weight >= plain]
    return tuple(coding for _, coding in sorted(chosen, key=lambda each: -each[0]))


def _weights_of(accept_encoding: str) -> dict[str, float]:
    """Weights by coding, in lower case; 0 for an invalid weight."""
    weights: dict[str, float] = {}
    for member in members(accept_encoding):
        coding, semicolon, parameter = member.partition(";")
        found = _WEIGHT.fullmatch(parameter)
        weight = float(found[1]) if found else 0.0 if semicolon else 1.0
        weights[coding.strip(" \t").lower().removeprefix("x-")] = weight
    return weights


def is_compressible(status: int, fields: Fields, length: int) -> bool:
    """Whether a body is long enough, uncoded text that may be transformed (RFC 9111, section 5.2.2.6)."""
    if status in (204, 206, 304) or length < SMALLEST_CODED or any(name in fields for name in _OF_THE_BYTES):
        return False
    kind = (fields.first(b"content-type") or "").partition(";")[0].strip()
    return bool(_TEXT.fullmatch(kind)) and "no-transform" not in parse_directives(fields.combine(b"cache-control"))


def with_vary(fields: Fields) -> Fields:
    """Add Accept-Encoding to Vary, so that downstream caches know that the coding depends on it."""
    vary = fields.combine(b"vary")
    if any(member.lower() == "accept-encoding" for member in members(vary)):
        return fields
    return fields.with_fields(
        [(b"vary", f"{vary}, Accept-Encoding".encode("latin-1") if vary else b"Accept-Encoding")]
    )


def tag_for_coding(etag: str, coding: str, level: int) -> str:
    """A strong tag for the coded bytes. A weak tag stays, since the content is equivalent."""
    if etag.startswith("W/") or not etag.endswith('"'):
        return etag
    return f'{etag[:-1]}-{coding}{level}"'


def is_tag_for_coding_of(tag: str, etag: str, codings: Sequence[str]) -> bool:
    """Whether `tag` is the tag of `etag` in one of these codings, at any level."""
    suffix = tag[len(etag) - 1 : -1]
    return tag.startswith(f"{etag[:-1]}-") and suffix.lstrip("-").rstrip("0123456789") in codings
