"""What the tiers hold for a key, as plain data: what operators read to see why a reader got what they got."""

from typing import Any

from content.caching.engine import Engine
from content.caching.entry import CachedValue
from content.caching.key import EntryKey


async def explain_entry(engine: Engine, entry_key: EntryKey) -> dict[str, Any]:
    held = engine.memory.get(entry_key.key) if engine.memory is not None else None
    shared = (await engine.lookup_shared([entry_key])).get(entry_key.key)
    if held is not None:
        held.verdict = engine.ordering.judge_now(held.header)
    return {
        "key": entry_key.key,
        "resource": entry_key.owner.name,
        "parameters": list(entry_key.parameters),
        "memory": describe_value(engine, held),
        "shared": describe_value(engine, shared),
        "lease": await engine.shared.holder(entry_key.key),
        "log": {"heard": engine.ordering.is_heard, "version": engine.ordering.version},
        "held_off": engine.backoff.is_delayed(entry_key.key),
    }


def describe_value(engine: Engine, answer: CachedValue | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    header, now = answer.header, engine.clock()
    return {
        "state": _state(engine, answer),
        "verdict": answer.verdict.value,
        "there": header.there,
        "age": round(now - header.made_at, 3),
        "fresh_for": round(header.fresh_until - now, 3),
        "stale_for": round(header.stale_until - now, 3),
        "cost": round(header.cost, 6),
        "tags": list(header.tags),
        "epoch": header.stamp.epoch,
        "position": list(header.stamp.position),
    }


def _state(engine: Engine, answer: CachedValue) -> str:
    """fresh, stale, expired, invalid: as a reader would meet it now."""
    header, now = answer.header, engine.clock()
    if answer.verdict.value == "invalid":
        return "invalid"
    if answer.verdict.value == "valid" and now < header.fresh_until and engine.ordering.is_heard:
        return "fresh"
    return "stale" if now < header.stale_until else "expired"
