"""The services that the site needs, as this process finds them now: Redis, database, worker, circuit breakers."""

import asyncio
import time

from django.core.cache import cache

from content.caching.engines import engines, log_server
from content.caching.stores.failsafe import Failsafe
from content.ops.health import HEARTBEAT_KEY, check_database, check_redis, run_check
from content.ops.panels.panel import ALIAS, Reading, Row, Source, texts

# Seconds for each check: less than a snapshot waits for a panel, so that this one can always say what is down.
SECONDS = 0.6
COLUMNS = texts("Service", "State", "What it means")
MEANINGS = {
    "redis": "shared cache, invalidation log, sessions and tasks",
    "database": "the content, and the rows of runs, purges and jobs",
    "worker": "refreshes stale entries, warms, and relays invalidations",
}


async def read_services() -> Reading:
    """Raises nothing for a service that is down: that is what the rows say."""
    has_redis = log_server(ALIAS) is not None
    redis, database, heartbeat = await asyncio.gather(
        run_check(check_redis, SECONDS) if has_redis else no_check(),
        run_check(check_database, SECONDS),
        heartbeat_age(),
    )
    gauges = {"database.up": float(bool(database["ok"]))}
    if redis is not None:
        gauges["redis.up"] = float(bool(redis["ok"]))
        gauges["worker.heartbeat_age_seconds"] = heartbeat
    rows = [row_of("redis", redis), row_of("database", database), row_of_worker(heartbeat, has_redis=has_redis)]
    breakers = breakers_of_process()
    gauges["breakers.open"] = float(sum(breakers.values()))
    rows += [row_of_breaker(name, is_open=is_open) for name, is_open in breakers.items()]
    return Reading(COLUMNS, tuple(rows), gauges=gauges)


async def no_check() -> None:
    pass


def row_of(name: str, check: dict[str, object] | None) -> Row:
    if check is None:
        return Row((name, "not used", "each process has a cache of its own"))
    if check["ok"]:
        return Row((name, f"answers in {check['milliseconds']} ms", MEANINGS[name]), state="good")
    return Row((name, str(check["reason"]), MEANINGS[name]), state="bad")


async def heartbeat_age() -> float:
    """Seconds since a worker has reported; infinite if none has of late, or the cache does not answer."""
    try:
        at = await asyncio.wait_for(cache.aget(HEARTBEAT_KEY), SECONDS)
    except Exception:
        return float("inf")
    return max(0.0, time.time() - at) if isinstance(at, float) else float("inf")


def row_of_worker(age: float, *, has_redis: bool) -> Row:
    if not has_redis:
        return Row(("worker", "not used", "workers need Redis"))
    if age == float("inf"):
        return Row(("worker", "no report", MEANINGS["worker"]), state="bad")
    return Row(("worker", f"reported {age:.0f} s ago", MEANINGS["worker"]), state="good")


def breakers_of_process() -> dict[str, bool]:
    """Whether the breaker of each cache in use is open in this process, by alias."""
    return {
        alias: engine.shared.breaker.is_open
        for alias, engine in sorted(engines.items())
        if isinstance(engine.shared, Failsafe)
    }


def row_of_breaker(alias: str, *, is_open: bool) -> Row:
    state = "open: it is asked nothing but a probe each second" if is_open else "closed"
    return Row((f"breaker of cache {alias}", state, "of this process"), state="bad" if is_open else "good")


services = Source("services", "Services", read_services)
