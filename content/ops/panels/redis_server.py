"""Redis: memory, evictions, clients, and whether it answers."""

import asyncio
from typing import Any

from content.caching.backends.connection import connection_to
from content.caching.engines import log_server
from content.ops.panels.invalidations import in_age
from content.ops.panels.panel import ALIAS, Reading, Row, Source, texts
from content.warming.state import in_mebibytes

WITHOUT = "This site runs without Redis: each process has a cache of its own."
SECTIONS = ("memory", "stats", "clients", "server")


async def read_redis() -> Reading:
    """Raises RedisError or OSError."""
    server = log_server(ALIAS)
    if server is None:
        return Reading(note=WITHOUT)
    execute = connection_to(server).execute
    answers = await asyncio.gather(*(execute("INFO", section) for section in SECTIONS))
    return describe_info({name: value for answer in answers for name, value in parse_info(answer).items()})


def parse_info(answer: Any) -> dict[str, str]:
    """The fields of an answer to INFO: lines of name:value."""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def describe_info(info: dict[str, str]) -> Reading:
    used, limit = number(info, "used_memory"), number(info, "maxmemory")
    gauges = {
        "redis.memory_bytes": used,
        "redis.limit_bytes": limit,
        "redis.clients": number(info, "connected_clients"),
    }
    counters = {"redis.evicted": number(info, "evicted_keys"), "redis.expired": number(info, "expired_keys")}
    share = f" ({used / limit:.0%} of {in_mebibytes(limit)})" if limit else ", without a limit (maxmemory is 0)"
    rows = (
        Row(("Memory", f"{in_mebibytes(used)}{share}"), state="bad" if limit and used > 0.9 * limit else ""),
        Row(("When it is full", info.get("maxmemory_policy", "-"))),
        Row(("Evicted keys", f"{counters['redis.evicted']:,.0f}")),
        Row(("Clients", f"{gauges['redis.clients']:,.0f}")),
        Row(("Commands a second", f"{number(info, 'instantaneous_ops_per_sec'):,.0f}")),
        Row(("Version", info.get("redis_version", "-"))),
        Row(("Up for", in_age(number(info, "uptime_in_seconds")))),
    )
    return Reading(texts("Property", "Value"), rows, counters=counters, gauges=gauges)


def number(info: dict[str, str], name: str) -> float:
    """0 for a field that is missing, or no number."""
    text = info.get(name, "")
    return float(text) if text.isdecimal() and len(text) < 19 else 0.0


redis_server = Source("redis", "Redis", read_redis, seconds=2.0)
