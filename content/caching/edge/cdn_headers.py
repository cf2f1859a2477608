"""How a CDN is told what a page depends on, and for how long it may answer without asking.

Tags are written here, for fields and for purges alike: what is purged is what was sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from content.caching.edge.page import Page
from content.caching.edge.rules.answering import stale_for
from content.caching.edge.rules.directives import parse_directives
from content.caching.edge.rules.fields import Field, Fields
from content.caching.key import shorten

# What each CDN takes as it is, besides letters and digits; no separator of any, nor the signs of our own shortening.
_PLAIN = ":/._~-@!$&'()*+;=?"
_NO_STORE = "no-store"


@dataclass(frozen=True, kw_only=True)
class CdnHeaders:
    """
    tags        the field that names what a page depends on
    separator   between two tags
    most        tags, and `longest` bytes of them; a page with more is not kept by the CDN: one whose tags were cut
                could never be purged by them
    line        bytes of one line of that field; more tags take more lines
    lasting     the field that says for how long (RFC 9213)
    forbidding  what it says of an answer that the CDN must not keep
    purges      the CDN is told of invalidations, and so may answer without asking
    """

    tags: bytes = b"cache-tag"
    separator: str = ","
    most: int = 1000
    longest: int = 16_000
    line: int = 16_000
    control_field: bytes = b"cdn-cache-control"
    forbid_value: str = _NO_STORE
    purges: bool = True

    def for_page(self, page: Page, tags: Iterable[str]) -> list[Field]:
        """For a page that is fresh, and of which all is known."""
        if self.purges and self.control_field not in page.fields and not _is_public(page.fields):
            return self.for_uncacheable()
        encoded = sorted({encode_tag(tag) for tag in tags})
        if len(encoded) > self.most or sum(len(tag) + len(self.separator) for tag in encoded) > self.longest:
            return self.for_uncacheable()
        lines: list[Field] = [(self.tags, line.encode("ascii")) for line in self.lines(encoded)]
        return [*lines, *self._control_fields(page)]

    def for_uncacheable(self) -> list[Field]:
        """What was invalidated meanwhile, is stale, is somebody's own, or has tags that nobody knows yet."""
        return [(self.control_field, self.forbid_value.encode("ascii"))]

    def forbid(self, pairs: Iterable[Field]) -> list[Field]:
        """An answer that was written as of a page, and must not be kept after all."""
        own = (self.tags, self.control_field)
        return [*(pair for pair in pairs if pair[0] not in own), *self.for_uncacheable()]

    def lines(self, encoded: Sequence[str]) -> list[str]:
        found: list[str] = []
        for tag in encoded:
            if found and len(found[-1]) + len(self.separator) + len(tag) <= self.line:
                found[-1] += self.separator + tag
            else:
                found.append(tag)
        return found

    def _control_fields(self, page: Page) -> list[Field]:
        """As long as here, counted by the same Age. Where the application has a word of its own, that stands."""
        if not self.purges or self.control_field in page.fields:
            return []
        directives = [f"max-age={int(page.lifetime)}"]
        for name in ("stale-while-revalidate", "stale-if-error"):
            if seconds := int(stale_for(page, name)):
                directives.append(f"{name}={seconds}")
        return [(self.control_field, ", ".join(directives).encode("ascii"))]


def encode_tag(tag: str) -> str:
    """Short and of plain signs: no two tags are written alike, but by a CDN that ignores case."""
    return shorten(quote(tag, safe=_PLAIN, errors="surrogatepass"))


def _is_public(fields: Fields) -> bool:
    """Whether Cache-Control lets caches on the way have it: what it says to us alone is no word to them."""
    directives = parse_directives(fields.combined_value(b"cache-control"))
    if b"set-cookie" in fields or directives.is_unqualified("private") or "no-store" in directives:
        return False
    return "public" in directives or (
        "no-cache" not in directives and ("s-maxage" in directives or "max-age" in directives)
    )
