"""One round over the whole site: what it has counted so far."""

import time
from collections.abc import Iterable, Mapping

from content.warming.coverage import Counts
from content.warming.memory_budget import OVERHEAD, Room
from content.warming.targets import Plan


class SiteRound:
    """Counts of one round over the site: entries beside the hot set."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.began = time.monotonic()
        self.seconds = 0.0
        self.entries = self.warm = self.left_out = 0
        self.counts = Counts()
        # The targets that come first, for the hot round.
        self.first: Plan = []
        self.stored = self.stored_bytes = 0

    def add(self, should: Iterable[str], sizes: Mapping[str, int]) -> set[str]:
        """Count the keys of a chunk. Returns those for which there is room."""
        should = list(should)
        fits = {key for key in should if self.room.take(sizes.get(key))}
        self.entries += len(should)
        self.left_out += len(should) - len(fits)
        return fits

    def measure(self, warm: int, sizes: list[int]) -> None:
        """Count what a chunk has when it is done: fresh entries, and the bytes of all that are stored."""
        self.warm += warm
        self.stored += len(sizes)
        self.stored_bytes += sum(sizes) + OVERHEAD * len(sizes)

    @property
    def mean_size(self) -> float | None:
        return self.stored_bytes / self.stored if self.stored else None

    def end(self) -> None:
        self.seconds = time.monotonic() - self.began
