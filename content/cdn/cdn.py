"""The interface of a CDN, the purges that it gets, and the header fields for each kind.

Web processes import only this file: it loads no HTTP client.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import urlsplit

from content.caching.edge.cdn_headers import CdnHeaders
from content.caching.entry import Position
from content.caching.key import weak_tag
from content.caching.ordering.tag_index import Kind, Record
from content.caching.tracing import MAX_LINKS

# Seconds for which a CDN answers without asking, and then while it asks: so long it serves what no purge has reached.
FRESH, STALE = 300.0, 600.0
_PURGED = CdnHeaders(fresh=FRESH, stale=STALE)
# The providers by the scheme of EVERGREEN_CDN.
CDN_HEADERS = {
    # Varnish accepts 8 kB for a header line (http_resp_hdr_len), and 32 kB for all of them.
    "varnish": replace(_PURGED, tags=b"xkey", separator=" ", line=4000),
    # Fastly ignores CDN-Cache-Control, and no-cache in Cache-Control: it would store responses without this field.
    "fastly": replace(
        _PURGED,
        tags=b"surrogate-key",
        separator=" ",
        control_field=b"surrogate-control",
        forbid_value="no-store, max-age=0",
    ),
    "cloudflare": _PURGED,
}
# Thousands of records, or an import, name more tags than this. One request that purges everything is cheaper.
MAX_TAGS = 3000


class NotPurged(Exception):
    """The CDN did not confirm a purge. The reason can be logged: it contains no token.

    retry_after   seconds, as the CDN asked; 0 if it did not
    is_refused    the same request would be refused again
    """

    def __init__(self, reason: str, *, retry_after: float = 0.0, is_refused: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.is_refused = is_refused


class Cdn(Protocol):
    """Each method returns when the CDN has confirmed the purge, and raises NotPurged otherwise.

    purges_softly  whether pages can be made stale there; if not, soft purges are left out, and such pages end by
                   their lifetime
    early_repeat   seconds after which a purge is repeated once more; None where requests are limited or paid
    """

    purges_softly: bool
    early_repeat: float | None

    async def purge(self, tags: Iterable[str], *, soft: bool) -> None:
        """Purge pages with these tags. Soft: they become stale."""

    async def purge_all(self) -> None: ...

    async def close(self) -> None: ...


def headers_of(url: str) -> CdnHeaders | None:
    """The fields for the CDN of this URL; None for ""."""
    return CDN_HEADERS[urlsplit(url).scheme] if url else None


@dataclass(frozen=True)
class Purge:
    """The tags that the CDN must purge for all records up to `position`.

    `traceparents`: of the writes whose traces are recorded, MAX_LINKS at most.
    """

    position: Position
    hard: frozenset[str] = frozenset()
    soft: frozenset[str] = frozenset()
    everything: bool = False
    traceparents: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, records: Sequence[Record], position: Position) -> "Purge":
        """A tag that was invalidated need not be expired. `position` is the result's if there are no records."""
        tags: dict[Kind, set[str]] = {kind: set() for kind in Kind}
        for record in records:
            tags[record.kind].update(record.tags)
            position = record.position
        hard, soft = frozenset(tags[Kind.INVALIDATE]), frozenset(tags[Kind.EXPIRE])
        # An unreadable record may have named any tag.
        everything = not all(record.is_readable for record in records)
        traces = tuple(dict.fromkeys(record.traceparent for record in records if record.traceparent))
        return cls(position, hard, soft - hard, everything, traces[:MAX_LINKS]).limit()

    def merge(self, later: "Purge") -> "Purge":
        hard = self.hard | later.hard
        soft = (self.soft | later.soft) - hard
        traces = (*self.traceparents, *later.traceparents)[:MAX_LINKS]
        return Purge(later.position, hard, soft, self.everything or later.everything, traces).limit()

    def limit(self) -> "Purge":
        return self.as_everything() if self.everything or len(self.hard) + len(self.soft) > MAX_TAGS else self

    def as_everything(self) -> "Purge":
        return replace(self, hard=frozenset(), soft=frozenset(), everything=True)

    @property
    def stale(self) -> frozenset[str]:
        """The tags of pages that become stale: those of expired tags, and weak ones of all that changed."""
        return (self.soft | {weak_tag(tag) for tag in self.hard | self.soft}) - self.hard

    @property
    def is_empty(self) -> bool:
        return not (self.hard or self.soft or self.everything)
