"""What records of the log ask of a CDN."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from content.caching.entry import Position
from content.caching.ordering.tag_index import Kind, Record

# More tags than that are thousands of records, or a whole import: everything is a single request.
MOST_TAGS = 3000


@dataclass(frozen=True)
class Order:
    """Of all records up to `position`."""

    position: Position
    hard: frozenset[str] = frozenset()
    soft: frozenset[str] = frozenset()
    everything: bool = False

    @classmethod
    def of(cls, records: Sequence[Record], position: Position) -> "Order":
        """What is invalidated need not be expired."""
        tags: dict[Kind, set[str]] = {kind: set() for kind in Kind}
        for record in records:
            tags[record.kind].update(record.tags)
            position = record.position
        hard, soft = frozenset(tags[Kind.INVALIDATE]), frozenset(tags[Kind.EXPIRE])
        # What a record that cannot be read has named is not known.
        everything = not all(record.is_readable for record in records)
        return cls(position, hard, soft - hard, everything).bounded()

    def and_then(self, later: "Order") -> "Order":
        hard = self.hard | later.hard
        soft = (self.soft | later.soft) - hard
        return Order(later.position, hard, soft, self.everything or later.everything).bounded()

    def bounded(self) -> "Order":
        return self.as_everything() if self.everything or len(self.hard) + len(self.soft) > MOST_TAGS else self

    def as_everything(self) -> "Order":
        return replace(self, hard=frozenset(), soft=frozenset(), everything=True)

    @property
    def is_empty(self) -> bool:
        return not (self.hard or self.soft or self.everything)
