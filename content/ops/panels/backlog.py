"""The backlog: stale entries, tasks of Celery, changes in the outbox, and invalidations that the CDN lacks."""

import asyncio

from content.ops.panels.invalidations import in_age
from content.ops.panels.panel import Reading, Row, Source, numbers, texts
from content.ops.state import outbox as outbox_state
from content.ops.state import queues
from content.ops.state.service import cdn_lag

COLUMNS = (*texts("Waiting"), *numbers("Number", "Oldest"), *texts("For"))


async def read_backlog() -> Reading:
    """Raises RedisError or OSError."""
    refresh, tasks, cdn = await asyncio.gather(queues.backlog.get(), queues.queues.get(), cdn_lag.get())
    gauges = {f"queue.{name}": float(count) for name, count in tasks.items()}
    rows = [Row((f"tasks: {name}", f"{count:,}", "-", "a worker")) for name, count in tasks.items()]
    if refresh is not None:
        gauges["backlog.refresh"] = float(refresh)
        rows.insert(0, Row(("stale entries", f"{refresh:,}", "-", "a refresh by a worker")))
    if cdn is not None:
        gauges["cdn.lag_seconds"] = cdn
        rows.append(Row(("invalidations", "-", in_age(cdn), "the CDN to confirm")))
    return Reading(COLUMNS, tuple(rows), gauges=gauges)


async def read_outbox() -> Reading:
    """Raises an error of the database."""
    state = await outbox_state.outbox.get()
    gauges = {"rows": float(state.rows), "oldest_seconds": state.oldest_seconds, "failed": float(state.failed)}
    oldest = in_age(state.oldest_seconds) if state.rows else "-"
    rows = (
        Row(("changes", f"{state.rows:,}", oldest, "the invalidation log")),
        Row(("changes set aside", f"{state.failed:,}", "-", "an operator"), state="bad" if state.failed else ""),
    )
    return Reading(COLUMNS, rows, gauges={f"outbox.{name}": value for name, value in gauges.items()})


backlog = Source("backlog", "Backlog", read_backlog)
outbox = Source("outbox", "Outbox of changes", read_outbox)
