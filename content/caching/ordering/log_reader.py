"""The thread that follows the log. It belongs to the process, not to an event loop: loops come and go."""

import logging
import threading
from collections.abc import Callable

from redis.exceptions import RedisError

from .stream import RECORDS_A_POLL, LogStream
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
    3. Apply it. When nothing is left to apply, extend the time for which entries may count as fresh.
    """

    def __init__(self, stream: LogStream, tag_index: TagIndex, on_consumed: Callable[[], None]) -> None:
        self.stream = stream
        self.tag_index = tag_index
        self.on_consumed = on_consumed
        self.stopping = threading.Event()
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
        while not self.stopping.is_set():
            result = self.stream.poll(self.tag_index.epoch, self.tag_index.tail)
            if result.snapshot is not None:
                found = result.snapshot
                self.tag_index.adopt_snapshot(
                    result.epoch, found.position, found.floor, found.invalidated, found.expired
                )
                continue
            self.tag_index.apply(result.records)
            if len(result.records) < RECORDS_A_POLL:
                self.tag_index.mark_heard()
                self.on_consumed()
                return
