from collections.abc import Sequence
from dataclasses import dataclass, replace

from content.caching.entry import Position
from content.caching.key import weak_tag
from content.caching.ordering.tag_index import Kind, Record

# Thousands of records, or an import, name more tags than this. One request that purges everything is cheaper.
MAX_TAGS = 3000


@dataclass(frozen=True)
class Purge:
    """The tags that the CDN must purge for all records up to `position`."""

    position: Position
    hard: frozenset[str] = frozenset()
    soft: frozenset[str] = frozenset()
    everything: bool = False

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
        return cls(position, hard, soft - hard, everything).limit()

    def merge(self, later: "Purge") -> "Purge":
        hard = self.hard | later.hard
        soft = (self.soft | later.soft) - hard
        return Purge(later.position, hard, soft, self.everything or later.everything).limit()

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
