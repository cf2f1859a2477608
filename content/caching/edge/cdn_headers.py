"""Build the header fields that tell a CDN the tags and the lifetime of a page.

Tags are encoded here for fields and for purges alike, so that a purge always matches what was sent.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from ..key import shorten
from .page import Page
from .rules.directives import parse_directives
from .rules.fields import Field, Fields
from .rules.freshness import stale_for

# Characters besides letters and digits that every CDN accepts in a tag. No separators, nor the "#" of our own
# digests.
_PLAIN = ":/._~-@!$&'()*+;=?"
_NO_STORE = "no-store"
# Seconds after which the fields with a lifetime are built anew.
_RENEW_AFTER = 60.0


@dataclass(frozen=True, kw_only=True)
class CdnHeaders:
    """The fields that one CDN understands, and its limits.

    tags           the field with the tags of a page
    separator      text between two tags
    most, longest  largest number and bytes of tags; the CDN stores no page with more, since purges by a tag that was
                   cut would miss it
    line           bytes of one line of that field; more tags take more lines
    control_field  the field with the lifetime (RFC 9213)
    forbid_value   its value for a response that the CDN must not store
    purges         the CDN receives purges, and so may answer without asking the edge
    fresh, stale   most seconds for which the CDN answers without asking, 120 or more, and then while it asks: a page
                   that its purge missed stays no longer
    """

    tags: bytes = b"cache-tag"
    separator: str = ","
    most: int = 1000
    longest: int = 16_000
    line: int = 16_000
    control_field: bytes = b"cdn-cache-control"
    forbid_value: str = _NO_STORE
    purges: bool = True
    fresh: float = math.inf
    stale: float = math.inf

    def for_page(self, page: Page, tags: Iterable[str], now: float) -> list[Field]:
        """Fields for a fresh page with known tags, to be sent from `now` until `ends_at(now)` (Unix seconds)."""
        if self.purges and self.control_field not in page.fields and not _is_public(page.fields):
            return self.for_uncacheable()
        encoded = sorted({encode_tag(tag) for tag in tags})
        if len(encoded) > self.most or sum(len(tag) + len(self.separator) for tag in encoded) > self.longest:
            return self.for_uncacheable()
        lines: list[Field] = [(self.tags, line.encode("ascii")) for line in self._lines(encoded)]
        return [*lines, *self._control_fields(page, now)]

    def ends_at(self, now: float) -> float:
        """Fields that were built at `now` are right until then: the page grows older, and they do not."""
        return now + _RENEW_AFTER if self.purges and self.fresh < math.inf else math.inf

    def for_uncacheable(self) -> list[Field]:
        """Fields for a response that the CDN must not store: stale, personal, invalidated, or with unknown tags."""
        return [(self.control_field, self.forbid_value.encode("ascii"))]

    def forbid(self, pairs: Iterable[Field]) -> list[Field]:
        """Replace a page's fields so that the CDN does not store it."""
        own = (self.tags, self.control_field)
        return [*(pair for pair in pairs if pair[0] not in own), *self.for_uncacheable()]

    def _lines(self, encoded: Sequence[str]) -> list[str]:
        """The values of the lines that hold the encoded tags."""
        found: list[str] = []
        for tag in encoded:
            if found and len(found[-1]) + len(self.separator) + len(tag) <= self.line:
                found[-1] += self.separator + tag
            else:
                found.append(tag)
        return found

    def _control_fields(self, page: Page, now: float) -> list[Field]:
        """The lifetime, counted from the same Age as here. A field set by the application stays."""
        if not self.purges or self.control_field in page.fields:
            return []
        directives = [f"max-age={int(min(page.lifetime, page.age(now) + self.fresh))}"]
        for name, most in (("stale-while-revalidate", self.stale), ("stale-if-error", math.inf)):
            if seconds := int(min(stale_for(page, name), most)):
                directives.append(f"{name}={seconds}")
        return [(self.control_field, ", ".join(directives).encode("ascii"))]


def encode_tag(tag: str) -> str:
    """Encode a tag in few plain characters. Different tags stay different, except for CDNs that ignore case."""
    return shorten(quote(tag, safe=_PLAIN, errors="surrogatepass"))


def _is_public(fields: Fields) -> bool:
    """Whether Cache-Control lets downstream caches store the page. Fields for this cache alone do not count."""
    directives = parse_directives(fields.combine(b"cache-control"))
    if b"set-cookie" in fields or directives.is_unqualified("private") or "no-store" in directives:
        return False
    return "public" in directives or (
        "no-cache" not in directives and ("s-maxage" in directives or "max-age" in directives)
    )
