"""In which coding does this client get that page (RFC 9110, sections 8.4 and 12.5.3)?"""

import re
from collections.abc import Sequence

from content.caching.edge.rules.directives import parse_directives
from content.caching.edge.rules.fields import Fields, members

_WEIGHT = re.compile(r"[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*", re.IGNORECASE)
# Less than that fits into one packet as it is.
SMALLEST_CODED = 860
_TEXT = re.compile(
    r"text/.+|application/([\w.-]+\+)?(json|xml)|application/(javascript|manifest)|image/svg\+xml", re.IGNORECASE
)
# Fields that speak of the bytes as they are.
_OF_THE_BYTES = (b"content-encoding", b"content-range", b"content-digest", b"digest", b"content-md5")


def accepted_codings(request: Fields, offered: Sequence[str]) -> tuple[str, ...]:
    """Those on offer that the client takes, by its weights and then in our order; none that it likes less than none
    at all. Who does not say gets the page as it is."""
    said = request.combined_value(b"accept-encoding")
    if said is None:
        return ()
    weights = _weights_of(said)
    others, plain = weights.get("*", 0.0), weights.get("identity", 0.0)
    found = [(weights.get(coding, others), coding) for coding in offered]
    liked = [(weight, coding) for weight, coding in found if weight > 0 and weight >= plain]
    return tuple(coding for _, coding in sorted(liked, key=lambda each: -each[0]))


def _weights_of(said: str) -> dict[str, float]:
    """By coding, in lower case; 0 for what has a weight that is none."""
    weights: dict[str, float] = {}
    for member in members(said):
        coding, semicolon, parameter = member.partition(";")
        found = _WEIGHT.fullmatch(parameter)
        weight = float(found[1]) if found else 0.0 if semicolon else 1.0
        weights[coding.strip(" \t").lower().removeprefix("x-")] = weight
    return weights


def is_compressible(status: int, fields: Fields, length: int) -> bool:
    """Text, and not too short; nothing that is coded already, or that nobody may transform (RFC 9111, 5.2.2.6)."""
    if status in (204, 206, 304) or length < SMALLEST_CODED or any(name in fields for name in _OF_THE_BYTES):
        return False
    kind = (fields.first(b"content-type") or "").partition(";")[0].strip()
    return bool(_TEXT.fullmatch(kind)) and "no-transform" not in parse_directives(
        fields.combined_value(b"cache-control")
    )


def with_vary(fields: Fields) -> Fields:
    """The coding is chosen by what the client accepts: caches on the way have to know."""
    said = fields.combined_value(b"vary")
    if any(member.lower() == "accept-encoding" for member in members(said)):
        return fields
    return fields.with_fields(
        [(b"vary", f"{said}, Accept-Encoding".encode("latin-1") if said else b"Accept-Encoding")]
    )


def coded_tag(etag: str, coding: str, level: int) -> str:
    """Of other bytes, so another strong tag; a weak one speaks of the meaning, which is the same."""
    if etag.startswith("W/") or not etag.endswith('"'):
        return etag
    return f'{etag[:-1]}-{coding}{level}"'


def is_coded_tag_of(tag: str, etag: str, codings: Sequence[str]) -> bool:
    """Whether `tag` is what `etag` becomes in one of these codings, at any level."""
    suffix = tag[len(etag) - 1 : -1]
    return tag.startswith(f"{etag[:-1]}-") and suffix.lstrip("-").rstrip("0123456789") in codings
