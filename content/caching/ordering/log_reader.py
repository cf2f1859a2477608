"""The thread that follows the log. It belongs to the process, not to an event loop: loops come and go."""

import logging
import threading
from collections.abc import Callable

from redis.exceptions import RedisError

from ..entry import NOWHERE
from .folded_tags import PARTS
from .stream import PARTS_A_READ, RECORDS_A_POLL, LogStream
from .tag_index import TagIndex

logger = logging.getLogger("content.caching")

# Seconds between two answers of an idle log, well within the tag index's SILENCE.
WAIT = 0.25
FIRST_DELAY = 0.02
MAX_DELAY = 0.5


class LogReader:
    """Reads one stream into one tag index until it is stopped.

    1. Wait for a record behind the tail, or a quarter of a second.
    2. Read, in one step: is the epoch the same, is our tail still there, what follows it.
    3. Apply it. A process that has just joined then reads the base, which stands for what has left the log.
    4. When nothing is left to apply, extend the time for which entries may count as fresh.
    """

    def __init__(self, stream: LogStream, tag_index: TagIndex, on_consumed: Callable[[], None]) -> None:
        self.stream = stream
        self.tag_index = tag_index
        self.on_consumed = on_consumed
        self.stopping = threading.Event()
        # Whether the tag index knows what left the log before this process joined it.
        self.has_base = False
        self.thread = threading.Thread(target=self._follow, name="invalidation log", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self, *, wait: bool) -> None:
        """With `wait` it returns when the thread has ended, or is about to."""
        self.stopping.set()
        if wait and self.thread.is_alive():
            self.thread.join(2 * WAIT)

    def _follow(self) -> None:
        try:
            self._follow_until_stopped()
        finally:
            self.stream.close()

    def _follow_until_stopped(self) -> None:
        delay = FIRST_DELAY
        while not self.stopping.is_set():
            try:
                self.catch_up()
                delay = FIRST_DELAY
                self.stream.wait(self.tag_index.tail, WAIT)
            except (RedisError, OSError) as error:
                logger.log(
                    logging.WARNING if delay == FIRST_DELAY else logging.DEBUG,
                    "the invalidation log does not answer, nothing held counts as fresh: %s",
                    error,
                )
                self.stopping.wait(delay)
                delay = min(delay * 2, MAX_DELAY)
            except Exception:
                # A process that does not follow the log must not serve anything as fresh.
                logger.exception("the invalidation log cannot be read")
                self.tag_index.discard_epoch()
                self.stopping.wait(MAX_DELAY)

    def catch_up(self) -> None:
        """Read until nothing is left. A process that joins reads the log first, which is trimmed, then the base."""
        while not self.stopping.is_set():
            asked_at = self.tag_index.clock()
            result = self.stream.poll(self.tag_index.epoch, self.tag_index.tail)
            if result.base is not None:
                self.tag_index.join(result.epoch, result.base, floor=result.base)
                self.has_base = False
            self.tag_index.apply(result.records)
            if len(result.records) == RECORDS_A_POLL:
                continue
            if not self.has_base:
                self.has_base = self._read_base()
                continue
            self.tag_index.mark_heard(asked_at)
            self.on_consumed()
            return

    def _read_base(self) -> bool:
        """What the records from before the log said, in bounded steps. False if the log was lost meanwhile.

        Records that enter the base meanwhile are known from the log. A floor that rises meanwhile is read at the end.
        """
        index, older = self.tag_index, list[bytes]()
        newest = floor = NOWHERE
        for first in range(0, PARTS, PARTS_A_READ):
            if self.stopping.is_set():
                return False
            found = self.stream.read_parts(first, first + PARTS_A_READ - 1)
            if found.epoch != index.epoch:
                return False
            older += found.parts
            newest, floor = found.position, found.floor
        index.adopt_base(older, newest, floor)
        return True
