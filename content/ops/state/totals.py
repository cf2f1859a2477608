"""The sums of all processes, read once for all panels, with the epoch in which they only grow."""

import asyncio
import secrets
import time
from dataclasses import dataclass

from content.caching.engines import engine_of
from content.caching.metrics.events import current_totals
from content.caching.metrics.reports import Report, Reporter, reporting
from content.ops.state.cached_result import CachedResult

ALIAS = "default"
# Seconds for which all panels share one reading.
SECONDS = 0.9
LONGEST_EPOCH = 32
# The epoch of the sums of one process, where no Redis adds them up.
OWN_EPOCH = secrets.token_hex(8)


@dataclass(frozen=True)
class Totals:
    """`epoch` changes when the counters restart. `at`: Unix seconds."""

    report: Report
    epoch: str
    at: float


async def read_totals() -> Totals:
    """Raises RedisError or OSError."""
    return await cached_totals.get()


async def compute_totals() -> Totals:
    engine_of(ALIAS)
    reporter = reporting.reporter
    if reporter is None:
        return Totals(Report(current_totals(), ()), OWN_EPOCH, time.time())
    return await asyncio.to_thread(read_report, reporter)


cached_totals = CachedResult(compute_totals, SECONDS)


def read_report(reporter: Reporter) -> Totals:
    report = reporter.report()
    return Totals(report, read_epoch(reporter), time.time())


def read_epoch(reporter: Reporter) -> str:
    """A mark beside the sums. A flush that deletes them deletes it too, and the next reader makes another."""
    key, client = f"{reporter.counts}:epoch", reporter.connect()
    client.set(key, secrets.token_hex(8), nx=True)
    stored = client.get(key) or b""
    return bytes(stored).decode("ascii", "replace")[:LONGEST_EPOCH]
