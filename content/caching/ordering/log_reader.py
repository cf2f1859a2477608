"""The thread that follows the log. It belongs to the process, not to an event loop: loops come and go."""

import logging
import threading
import time
from collections.abc import Callable

from redis.exceptions import RedisError

from .folded_tags import PARTS
from .propagation import Propagation
from .stream import PARTS_A_READ, LogStream, PollResult
from .tag_index import TagIndex

logger = logging.getLogger("content.caching")

# Seconds between two answers of an idle log, well within the tag index's SILENCE.
WAIT = 0.25
FIRST_DELAY = 0.02
MAX_DELAY = 0.5
# Seconds for which readers wait for a process that joins, at most.
LONGEST_JOIN = 2.0
# Seconds to wait for the thread to end, at most.
LONGEST_STOP = 2.0


class LogReader:
    """Reads one stream into one tag index until it is stopped.

    1. Wait for a record behind the tail, or a quarter of a second.
    2. Read, in one step: is the epoch the same, is our tail still there, what follows it.
    3. Apply it. A process that has just joined reads the base as well, which stands for what has left the log.
    4. When nothing is left to apply, extend the time for which entries may count as fresh.
    """

    def __init__(self, stream: LogStream, tag_index: TagIndex, on_consumed: Callable[[], None]) -> None:
        self.stream = stream
        self.tag_index = tag_index
        self.on_consumed = on_consumed
        self.propagation = Propagation()
        self.stopping = threading.Event()
        # The parts of the base that were read since this process joined; None: the tag index has all of them.
        self.parts: list[bytes] | None = []
        # Whether the tag index takes entries for invalid that it will know to be valid in a moment.
        self.is_joining = False
        self.joining_until = 0.0
        # Set after the first try to read the log up to its end, whether it succeeded or failed.
        self.first_try = threading.Event()
        self.thread = threading.Thread(target=self._follow, name="invalidation log", daemon=True)

    def start(self) -> None:
        self._begin_joining()
        self.thread.start()

    def _begin_joining(self) -> None:
        if not self.is_joining:
            self.joining_until = time.monotonic() + LONGEST_JOIN
            self.is_joining = True

    def _end_joining(self) -> None:
        self.is_joining = False
        self.first_try.set()

    def stop(self, *, wait: bool) -> None:
        """End the thread.

        With `wait` it returns when the thread has ended, which takes as long as Redis does to answer.
        """
        self.stopping.set()
        if wait and self.thread.is_alive():
            self.thread.join(LONGEST_STOP)

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
                self._end_joining()
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
                self._end_joining()
                self.tag_index.discard_epoch()
                self.stopping.wait(MAX_DELAY)

    def catch_up(self) -> None:
        """Read until nothing is left."""
        while not self.stopping.is_set():
            if self.tag_index.is_incomplete:
                self._end_epoch()
            asked_at = self.tag_index.clock()
            result = self.stream.poll(self.tag_index.epoch, self.tag_index.tail)
            if result.base is not None:
                self.tag_index.join(result.epoch, result.base, floor=result.base)
                self.parts = []
                self._begin_joining()
            self.tag_index.apply(result.records)
            self._measure(result, asked_at)
            if self.parts is not None:
                self._read_base(self.parts)
            elif not result.has_more:
                self.tag_index.mark_heard(asked_at)
                self._end_joining()
                self.on_consumed()
                return

    def _measure(self, result: PollResult, asked_at: float) -> None:
        """How old the oldest record was when it was applied, at most: all by Redis's clock, but for this poll itself.

        Records from before this process joined say nothing.
        """
        if result.records and self.parts is None:
            age = result.read_at - result.records[0].position[0] / 1000
            self.propagation.add(age + self.tag_index.clock() - asked_at)

    def _end_epoch(self) -> None:
        # Cleared first: what is given up meanwhile is in the new epoch.
        self.tag_index.is_incomplete = False
        try:
            self.stream.drop_epoch()
        except BaseException:
            self.tag_index.is_incomplete = True
            raise

    def _read_base(self, parts: list[bytes]) -> None:
        """Read some parts more. The log is polled in between, lest records leave it before they are read.

        Records that enter the base meanwhile are known from the log. A floor that rises meanwhile is read at the end.
        """
        first = len(parts)
        # The size is checked before a part is read, since another program's may have any size, and after it.
        state = self.stream.check_base(first - PARTS_A_READ, first + PARTS_A_READ)
        if first < PARTS:
            parts += self.stream.read_parts(first, first + PARTS_A_READ)
        elif state.epoch == self.tag_index.epoch:
            self.tag_index.adopt_base(parts, state.position, state.floor)
            self.parts = None
        # If the epoch is another one, the next poll joins anew.
