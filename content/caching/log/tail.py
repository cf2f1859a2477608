"""The thread that follows the log. It belongs to the process, not to an event loop: loops come and go."""

import logging
import threading
from collections.abc import Callable

from redis.exceptions import RedisError

from content.caching.log.ledger import Ledger
from content.caching.log.stream import RECORDS_A_POLL, LogStream

logger = logging.getLogger("content.caching")

# An idle log answers this often, well within the ledger's SILENCE.
WAIT = 0.25
FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.5


class Tail:
    """Follows one stream into one ledger until it is stopped.

    1. Wait for a record behind the tail, or a quarter of a second.
    2. Read, in one step: is the epoch the same, is our tail still there, what follows it.
    3. Apply it; when nothing is left to apply, the log was heard.
    """

    def __init__(self, stream: LogStream, ledger: Ledger, consumed: Callable[[], None]) -> None:
        self.stream = stream
        self.ledger = ledger
        self.consumed = consumed
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.follow, name="invalidation log", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self, *, wait: bool) -> None:
        """With `wait` it returns when the thread has ended, or is about to."""
        self.stopping.set()
        if wait and self.thread.is_alive():
            self.thread.join(2 * WAIT)

    def follow(self) -> None:
        try:
            self.follow_until_stopped()
        finally:
            self.stream.close()

    def follow_until_stopped(self) -> None:
        pause = FIRST_PAUSE
        while not self.stopping.is_set():
            try:
                self.catch_up()
                pause = FIRST_PAUSE
                self.stream.wait(self.ledger.tail, WAIT)
            except (RedisError, OSError) as error:
                logger.log(
                    logging.WARNING if pause == FIRST_PAUSE else logging.DEBUG,
                    "the invalidation log does not answer, nothing held counts as fresh: %s",
                    error,
                )
                self.stopping.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except Exception:
                # Whatever it is, a process that no longer follows must not look as if it did.
                logger.exception("the invalidation log cannot be read")
                self.ledger.lose()
                self.stopping.wait(LONGEST_PAUSE)

    def catch_up(self) -> None:
        while not self.stopping.is_set():
            answer = self.stream.poll(self.ledger.epoch, self.ledger.tail)
            if answer.snapshot is not None:
                found = answer.snapshot
                self.ledger.join(answer.epoch, found.position, found.floor, found.invalidated, found.expired)
                continue
            self.ledger.apply(answer.records)
            if len(answer.records) < RECORDS_A_POLL:
                self.ledger.heard()
                self.consumed()
                return
