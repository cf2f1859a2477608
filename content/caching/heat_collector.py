"""The reads of this process, collected and sent to Redis every few seconds."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from redis.exceptions import ResponseError

from .entry import CachedValue
from .heat import BATCH, Heat
from .read_counts import MOST_NAMES, Version, keep_largest, reads
from .stores.memory import MemoryTier
from .warmed_reads import WarmedReads

logger = logging.getLogger("content.caching")

# Seconds between two chunks of entries: long enough for a waiting thread to run.
PAUSE = 0.0001

Memories = Callable[[], Iterable[MemoryTier[CachedValue]]]


class HeatCollector:
    """The thread that reports statistics calls `flush`, which raises nothing: an error would end that thread.

    While Redis is down, the largest MOST_NAMES counts are kept, and sent later.
    """

    def __init__(self, heat: Heat, memories: Memories) -> None:
        self.heat = heat
        self.memories = memories
        self.warmed_reads = WarmedReads(heat.server, heat.prefix)
        self.pending: dict[str, float] = {}
        self.pending_versions: dict[Version, tuple[int, float]] = {}
        self.has_failed = False
        self.lock = threading.Lock()
        reads.begin()

    def flush(self, connect: Callable[[], Any]) -> None:
        """Collect the counts, and send them in batches. `connect` returns a client of Redis."""
        with self.lock:
            try:
                self._collect()
                self._send(connect)
                if self.pending_versions:
                    self.warmed_reads.send(connect(), self.pending_versions)
                self.has_failed = False
            except Exception as error:
                # The first of a row: an outage lasts, and a defect must not be silent.
                if not self.has_failed:
                    logger.warning("Cannot send to Redis how often entries are read; retrying later: %r", error)
                self.has_failed = True

    def _collect(self) -> None:
        counts = reads.collect(self.memories(), lambda: time.sleep(PAUSE))
        for name, count in self.pending.items():
            counts[name] = counts.get(name, 0) + count
        self.pending = keep_largest(counts, MOST_NAMES)
        room = MOST_NAMES - len(self.pending_versions)
        self.pending_versions.update(islice(reads.collect_warmed().items(), room))

    def _send(self, connect: Callable[[], Any]) -> None:
        names = list(self.pending)
        for first in range(0, len(names), BATCH):
            part = names[first : first + BATCH]
            for command in self.heat.commands({name: self.pending[name] for name in part}):
                _execute(connect(), command)
            for name in part:
                del self.pending[name]


def _execute(client: Any, command: tuple[Any, ...]) -> None:
    try:
        client.execute_command(*command)
    except ResponseError as error:
        # Redis is up, and refuses: to send the same again would hold up all later counts.
        logger.warning("Redis refused how often entries are read; these reads are lost: %s", error)
