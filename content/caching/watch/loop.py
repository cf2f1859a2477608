"""Relay the outbox for as long as a process lives, and make derived values again that have ended."""

import asyncio
import concurrent.futures
import logging
import threading
import time

from django.db import DatabaseError, connections

from ..cutoff import read_derived_values
from ..lasting_loop import lasting_loop
from .presence import note_presence
from .relay import current_epoch, prune, relay_waiting
from .triggers import mend_triggers

logger = logging.getLogger("content.caching")

# Seconds between two looks at an empty outbox: one query by a partial index.
POLL = 0.02
# Seconds between two searches for rows that a log of this process lacks: they read the whole outbox.
RECHECK = 1.0
# Seconds between two notes that this release's relay runs.
NOTE = 10.0
# Seconds after a database that did not answer.
MAX_DELAY = 1.0
# Seconds between two deletions of old rows, which also look after the triggers.
TIDY = 60.0
# Seconds between two reads of the derived values: what shows them in passing is stale that much later.
READ_DERIVED = 1.0


def run_relay(stopping: threading.Event, using: str = "default") -> None:
    """Relay until `stopping` is set. An error of the database is logged, and the next try follows."""
    delay, noted_at, tidied_at, rechecked_at, epoch = POLL, float("-inf"), float("-inf"), float("-inf"), ""
    derived = _DerivedValues()
    note_presence(is_caught_up=False)
    while not stopping.is_set():
        derived.read_soon()
        try:
            if time.monotonic() - tidied_at > TIDY:
                mend_triggers(using, replace=False)
                prune(using)
                tidied_at = time.monotonic()
            recheck = epoch != current_epoch() or time.monotonic() - rechecked_at > RECHECK
            relayed, delay = relay_waiting(using, recheck=recheck), POLL
            if recheck and not relayed:
                rechecked_at, epoch = time.monotonic(), current_epoch()
                if time.monotonic() - noted_at > NOTE:
                    note_presence(is_caught_up=True)
                    noted_at = time.monotonic()
        except DatabaseError as error:
            relayed, delay = 0, min(2 * delay, MAX_DELAY)
            logger.warning("The outbox cannot be read, and its changes wait: %s", error)
            connections[using].close()
        if not relayed:
            stopping.wait(delay)
    connections[using].close()


class _DerivedValues:
    """Reads derived values on the lasting loop. The relay does not wait for their loaders."""

    def __init__(self) -> None:
        self._read_at = float("-inf")
        self._reading: concurrent.futures.Future[None] | None = None

    def read_soon(self) -> None:
        is_running = self._reading is not None and not self._reading.done()
        if is_running or time.monotonic() - self._read_at < READ_DERIVED:
            return
        self._read_at = time.monotonic()
        self._reading = asyncio.run_coroutine_threadsafe(read_derived_values(), lasting_loop())
