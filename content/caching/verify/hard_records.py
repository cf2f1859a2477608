"""A second opinion on verdicts: the last INVALIDATE of each tag, as seen in the records themselves."""

from collections.abc import Sequence

from ..entry import NOWHERE, Header, Position
from ..ordering.tag_index import Kind, Record

MOST = 20_000


class HardRecords:
    """Positions in the log's present epoch. The oldest tags are forgotten first."""

    def __init__(self) -> None:
        self.epoch = ""
        self.last: dict[str, Position] = {}

    def observe(self, epoch: str, records: Sequence[Record]) -> None:
        if epoch != self.epoch:
            self.last = {}
            self.epoch = epoch
        for record in records:
            if record.kind is Kind.INVALIDATE:
                for tag in record.tags:
                    self.last.pop(tag, None)
                    self.last[tag] = record.position
        while len(self.last) > MOST:
            del self.last[next(iter(self.last))]

    def against(self, header: Header) -> tuple[str, Position] | None:
        """A tag of the entry, and the later record that invalidated it. None: none is known."""
        stamp = header.stamp
        if stamp.epoch != self.epoch:
            return None
        for tag in header.tags:
            if (position := self.last.get(tag, NOWHERE)) > stamp.position:
                return tag, position
        return None
