"""Redis: memory, evictions, clients, and whether it answers."""

from content.ops.panels.invalidations import in_age
from content.ops.panels.panel import Reading, Row, Source, texts
from content.ops.state.redis_server import RedisState, redis_state
from content.warming.state import in_mebibytes

WITHOUT = "This site runs without Redis: each process has a cache of its own."


async def read_redis() -> Reading:
    """Raises RedisError or OSError."""
    state = await redis_state.get()
    return Reading(note=WITHOUT) if state is None else describe_redis(state)


def describe_redis(state: RedisState) -> Reading:
    gauges = {"memory_bytes": state.bytes, "limit_bytes": state.limit, "clients": state.clients}
    counters = {"redis.evicted": float(state.evicted), "redis.expired": float(state.expired)}
    share = f" ({state.bytes / state.limit:.0%} of {in_mebibytes(state.limit)})" if state.limit else ""
    is_full = state.limit and state.bytes > 0.9 * state.limit
    rows = (
        Row(
            ("Memory", f"{in_mebibytes(state.bytes)}{share or ', without a limit (maxmemory is 0)'}"),
            state="bad" if is_full else "",
        ),
        Row(("When it is full", state.policy)),
        Row(("Evicted keys", f"{state.evicted:,}")),
        Row(("Clients", f"{state.clients:,}")),
        Row(("Commands a second", f"{state.commands_a_second:,}")),
        Row(("Version", state.version)),
        Row(("Up for", in_age(state.up_seconds))),
    )
    named = {f"redis.{name}": float(value) for name, value in gauges.items()}
    return Reading(texts("Property", "Value"), rows, counters=counters, gauges=named)


redis_server = Source("redis", "Redis", read_redis, seconds=2.0)
