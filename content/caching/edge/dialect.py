"""How a CDN is told what a page depends on, and for how long it may answer without asking.

Tags are written here, for fields and for purges alike: what is purged is what was sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from content.caching.edge.rules.answering import stale_for
from content.caching.edge.rules.directives import parsed
from content.caching.edge.rules.fields import Field, Fields
from content.caching.edge.stored import Page
from content.caching.keys import bounded

# What each CDN takes as it is, besides letters and digits; no separator of any, nor the signs of our own shortening.
PLAIN = ":/._~-@!$&'()*+;=?"
NO_STORE = "no-store"


@dataclass(frozen=True, kw_only=True)
class Dialect:
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
    lasting: bytes = b"cdn-cache-control"
    forbidding: str = NO_STORE
    purges: bool = True

    def of_page(self, page: Page, tags: Iterable[str]) -> list[Field]:
        """For a page that is fresh, and of which all is known."""
        if self.purges and self.lasting not in page.fields and not is_public(page.fields):
            return self.of_anything_else()
        written = sorted({written_tag(tag) for tag in tags})
        if len(written) > self.most or sum(len(tag) + len(self.separator) for tag in written) > self.longest:
            return self.of_anything_else()
        lines: list[Field] = [(self.tags, line.encode("ascii")) for line in self.lines(written)]
        return [*lines, *self.lasts(page)]

    def of_anything_else(self) -> list[Field]:
        """What was invalidated meanwhile, is stale, is somebody's own, or has tags that nobody knows yet."""
        return [(self.lasting, self.forbidding.encode("ascii"))]

    def forbidden(self, pairs: Iterable[Field]) -> list[Field]:
        """An answer that was written as of a page, and must not be kept after all."""
        own = (self.tags, self.lasting)
        return [*(pair for pair in pairs if pair[0] not in own), *self.of_anything_else()]

    def lines(self, written: Sequence[str]) -> list[str]:
        found: list[str] = []
        for tag in written:
            if found and len(found[-1]) + len(self.separator) + len(tag) <= self.line:
                found[-1] += self.separator + tag
            else:
                found.append(tag)
        return found

    def lasts(self, page: Page) -> list[Field]:
        """As long as here, counted by the same Age. Where the application has a word of its own, that stands."""
        if not self.purges or self.lasting in page.fields:
            return []
        said = [f"max-age={int(page.lifetime)}"]
        for name in ("stale-while-revalidate", "stale-if-error"):
            if seconds := int(stale_for(page, name)):
                said.append(f"{name}={seconds}")
        return [(self.lasting, ", ".join(said).encode("ascii"))]


def written_tag(tag: str) -> str:
    """Short and of plain signs: no two tags are written alike, but by a CDN that ignores case."""
    return bounded(quote(tag, safe=PLAIN, errors="surrogatepass"))


def is_public(fields: Fields) -> bool:
    """Whether Cache-Control lets caches on the way have it: what it says to us alone is no word to them."""
    said = parsed(fields.joined(b"cache-control"))
    if b"set-cookie" in fields or said.is_whole("private") or "no-store" in said:
        return False
    return "public" in said or ("no-cache" not in said and ("s-maxage" in said or "max-age" in said))
