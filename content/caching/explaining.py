"""What the tiers hold for a key, as plain data: what operators read to see why a reader got what they got."""

from typing import Any

from content.caching.answer import Answer
from content.caching.engine import Engine
from content.caching.want import Want


async def explained(engine: Engine, want: Want) -> dict[str, Any]:
    held = engine.memory.get(want.key) if engine.memory is not None else None
    shared = (await engine.lookup([want])).get(want.key)
    if held is not None:
        held.verdict = engine.ordering.judge_now(held.header)
    return {
        "key": want.key,
        "resource": want.resource.name,
        "parameters": list(want.parameters),
        "memory": described(engine, held),
        "shared": described(engine, shared),
        "lease": await engine.shared.holder(want.key),
        "log": {"heard": engine.ordering.is_heard, "version": engine.ordering.version},
        "held_off": engine.pauses.is_on(want.key),
    }


def described(engine: Engine, answer: Answer | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    header, now = answer.header, engine.clock()
    return {
        "state": state_of(engine, answer),
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


def state_of(engine: Engine, answer: Answer) -> str:
    """fresh, stale, expired, invalid: as a reader would meet it now."""
    header, now = answer.header, engine.clock()
    if answer.verdict.value == "invalid":
        return "invalid"
    if answer.verdict.value == "valid" and now < header.fresh_until and engine.ordering.is_heard:
        return "fresh"
    return "stale" if now < header.stale_until else "expired"
