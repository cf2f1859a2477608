"""Reads of this process by entry, counted without a lock.

A hit in memory adds one to a number of the value that it serves, as it did before heat existed. A collector looks at
the values every few seconds. Reads of values that memory did not have are counted here, by name.

A name is a key without its schema and release: `post:post,hello`. A page's name has its whole URL.
"""

import os
from collections.abc import Callable, Iterable
from heapq import nlargest
from operator import itemgetter
from typing import Any, NamedTuple

from .entry import CachedValue, Header
from .key import EntryKey
from .stores.memory import MemoryTier

# Characters. Longer addresses are read by programs that make them up.
MAX_NAME_LENGTH = 500
# Names that are counted from one collection to the next, besides the entries in memory.
MOST_NAMES = 20_000
# Entries in memory that the collector looks at before it lets other threads run.
CHUNK = 1000

# By the type of a value: how it is named, "" if it is not counted. Other values are named by their keys.
namers: dict[type, Callable[[Any], str]] = {}


class Version(NamedTuple):
    """One stored version of an entry. `made_at`: Unix seconds."""

    key: str
    made_at: float


class ReadCounts:
    """Counts from one collection to the next. A count that another thread changes at the same moment may be lost."""

    def __init__(self) -> None:
        # 0: nobody collects them, so nothing is counted.
        self.most = 0
        self.is_excluded = False
        self.counts: dict[str, int] = {}
        # Reads that memory did not answer, by key: they are named when they are collected.
        self.found: dict[str, int] = {}
        # Versions that warming has loaded, and that were read here for the first time: their marks and costs.
        self.warmed: dict[Version, tuple[int, float]] = {}

    def begin(self) -> None:
        """Count from now on, because someone collects."""
        self.most = 0 if self.is_excluded else MOST_NAMES

    def exclude_process(self) -> None:
        """Count nothing in this process: its reads are not those of readers. For workers and commands."""
        self.is_excluded, self.most, self.counts, self.found, self.warmed = True, 0, {}, {}, {}

    def add(self, name: str, reads: int = 1) -> None:
        counts = self.counts
        count = counts.get(name)
        if count is not None:
            counts[name] = count + reads
        elif len(counts) < self.most and 0 < len(name) <= MAX_NAME_LENGTH:
            counts[name] = reads

    def add_found(self, entry_key: EntryKey, value: CachedValue | None, reads: int = 1) -> None:
        """Count reads of a value that memory did not have. An answer "not there" is not counted, nor warmed."""
        if self.most and value is not None and value.header.there:
            found, key = self.found, entry_key.key
            if key in found:
                found[key] += reads
            elif len(found) < self.most:
                found[key] = reads

    def add_warmed(self, key: str, header: Header) -> None:
        """A fresh read of a version that warming has loaded; without effect for others."""
        if header.warmed and len(self.warmed) < self.most:
            self.warmed[Version(key, header.made_at)] = (header.warmed, header.cost)

    def take(self, key: str, value: CachedValue) -> None:
        """Keep the reads of a value that leaves memory: it is replaced or evicted."""
        taken = self._take_reads(key, value)
        if taken and self.most:
            self.add(name_of_value(key, value), taken)

    def collect(self, memories: Iterable[MemoryTier[CachedValue]], rest: Callable[[], None]) -> dict[str, float]:
        """The counts since the last call, the largest MOST_NAMES of them.

        `rest` is called between chunks of entries, so that readers need not wait for this thread.
        """
        counts, self.counts, by_key, self.found = self.counts, {}, self.found, {}
        # A copy in one step, here and below: readers add to the dictionary meanwhile.
        found: dict[str, float] = dict(counts)
        for key, number in dict(by_key).items():
            if len(name := name_of_key(key)) <= MAX_NAME_LENGTH:
                found[name] = found.get(name, 0) + number
        for memory in () if self.is_excluded else memories:
            nodes = list(memory.nodes.values())
            for first in range(0, len(nodes), CHUNK):
                for node in nodes[first : first + CHUNK]:
                    value = node.value
                    if value.reads != value.reads_taken and (taken := self._take_reads(node.key, value)):
                        name = name_of_value(node.key, value)
                        if 0 < len(name) <= MAX_NAME_LENGTH:
                            found[name] = found.get(name, 0) + taken
                rest()
        return keep_largest(found, MOST_NAMES)

    def collect_warmed(self) -> dict[Version, tuple[int, float]]:
        """The warmed versions that were read here for the first time since the last call."""
        warmed, self.warmed = self.warmed, {}
        return dict(warmed)

    def _take_reads(self, key: str, value: CachedValue) -> int:
        """The reads since the last call. An answer "not there" has none: nothing can be warmed."""
        total = value.reads
        if total and not value.reads_taken:
            self.add_warmed(key, value.header)
        taken, value.reads_taken = total - value.reads_taken, total
        return taken if value.header.there else 0


def keep_largest(counts: dict[str, float], most: int) -> dict[str, float]:
    """The `most` largest counts."""
    return counts if len(counts) <= most else dict(nlargest(most, counts.items(), key=itemgetter(1)))


def name_of_key(key: str) -> str:
    name, _, rest = key.rpartition("@")
    return f"{name}:{rest.partition(':')[2]}"


def name_of_value(key: str, value: CachedValue) -> str:
    namer = namers.get(type(value.value))
    return namer(value.value) if namer is not None else name_of_key(key)


reads = ReadCounts()


def _reset_in_child() -> None:
    """Called in a forked child: its parent reports what the parent counted."""
    reads.counts, reads.found, reads.warmed = {}, {}, {}


os.register_at_fork(after_in_child=_reset_in_child)
