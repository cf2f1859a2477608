"""The services that the site needs, as this process finds them: Redis, database, worker, beat, circuit breakers."""

import math

from content.ops.panels.invalidations import in_age
from content.ops.panels.panel import Reading, Row, Source, texts
from content.ops.state.service import State, read_state
from content.ops.state.worker_reports import SILENT_AFTER

COLUMNS = texts("Service", "State", "What it means")
MEANINGS = {
    "redis": "shared cache, invalidation log, sessions and tasks",
    "database": "the content, and the rows of runs, purges and jobs",
    "worker": "refreshes stale entries, warms, and relays invalidations",
    "beat": "sends the scheduled jobs",
}


async def read_services() -> Reading:
    """Raises nothing for a service that is down: that is what the rows say."""
    return describe_services(await read_state())


def describe_services(state: State) -> Reading:
    gauges = {"database.up": float(state.outbox is not None), "breakers.open": float(sum(state.breakers.values()))}
    if state.has_redis:
        gauges["redis.up"] = float(state.redis is not None)
    ages = state.heartbeats._asdict() if state.heartbeats is not None else {}
    # Without Redis it is no fault that nobody reports.
    known = {name: age for name, age in ages.items() if math.isfinite(age) or state.has_redis}
    gauges |= {f"{name}.heartbeat_age_seconds": age for name, age in known.items()}
    rows = [
        row_of("redis", state.redis.answered_in if state.redis is not None else None)
        if state.has_redis
        else Row(("redis", "not used", "each process has a cache of its own")),
        row_of("database", state.outbox.answered_in if state.outbox is not None else None),
        *(row_of_reporter(name, known.get(name), has_redis=state.has_redis) for name in ("worker", "beat")),
        *(row_of_breaker(name, is_open=is_open) for name, is_open in state.breakers.items()),
    ]
    return Reading(COLUMNS, tuple(rows), gauges=gauges)


def row_of(name: str, answered_in: float | None) -> Row:
    if answered_in is None:
        return Row((name, "does not answer", MEANINGS[name]), state="bad")
    return Row((name, f"answers in {answered_in * 1000:.1f} ms", MEANINGS[name]), state="good")


def row_of_reporter(name: str, age: float | None, *, has_redis: bool) -> Row:
    if age is None:
        return Row((name, "not known" if has_redis else "not used", MEANINGS[name] if has_redis else "needs Redis"))
    if not math.isfinite(age):
        return Row((name, "no report", MEANINGS[name]), state="bad")
    return Row((name, f"reported {in_age(age)} ago", MEANINGS[name]), state="good" if age <= SILENT_AFTER else "bad")


def row_of_breaker(alias: str, *, is_open: bool) -> Row:
    state = "open: it is asked nothing but a probe each second" if is_open else "closed"
    where = "in the process that made this page; the panel of processes has the others"
    return Row((f"breaker of cache {alias}", state, where), state="bad" if is_open else "good")


services = Source("services", "Services", read_services)
