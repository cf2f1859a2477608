"""What the dashboard shows at one moment: counters, gauges, tables and a verdict."""

import os
import socket
import time
from typing import Any

import msgspec
from asgiref.sync import sync_to_async

from content.caching.metrics.events import EventCounts, current_totals
from content.ops.metrics import report_or_none

_STARTED = f"{socket.gethostname()}:{os.getpid()}:{time.time():.0f}"


class Panel(msgspec.Struct, frozen=True):
    """A table of the dashboard. `at`: Unix seconds of its data."""

    at: float
    title: str
    columns: list[str]
    rows: list[list[Any]]
    status: str = "ok"


class Snapshot(msgspec.Struct, frozen=True):
    """`at`: Unix seconds. `counters` only grow within one `epoch`."""

    at: float
    epoch: str
    counters: dict[str, float] = {}
    gauges: dict[str, float] = {}
    panels: dict[str, Panel] = {}
    verdict: str = ""


async def take_snapshot() -> Snapshot:
    """Never raises: while Redis is down it has what this process knows."""
    report = await sync_to_async(report_or_none, thread_sensitive=False)()
    if report is None:
        return Snapshot(time.time(), _STARTED, _names(current_totals()), {"redis_up": 0})
    return Snapshot(time.time(), "redis", _names(report.totals), {"redis_up": 1, "processes": len(report.processes)})


def _names(totals: EventCounts) -> dict[str, float]:
    return {"|".join(event): float(amount) for event, amount in sorted(totals.items())}
