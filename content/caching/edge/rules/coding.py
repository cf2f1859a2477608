"""Choose the content coding of a response (RFC 9110, sections 8.4 and 12.5.3)."""

import re
from collections.abc import Sequence

from .directives import parse_directives
from .fields import Fields, members

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
