"""Explain an entry: the content of each tier for its key, as plain data for operators."""

from typing import Any

from .entry import CachedValue
from .key import WEAK, EntryKey
from .tiers import Tiers


async def explain_entry(tiers: Tiers, entry_key: EntryKey) -> dict[str, Any]:
    held = tiers.memory.get(entry_key.key) if tiers.memory is not None else None
    shared = (await tiers.lookup([entry_key])).get(entry_key.key)
    if held is not None:
        held.verdict = tiers.ordering.judge_now(held.header)
    return {
        "key": entry_key.key,
        "resource": entry_key.owner.name,
        "parameters": list(entry_key.parameters),
        "memory": describe_value(tiers, held),
        "shared": describe_value(tiers, shared),
        "lease": await tiers.shared.holder(entry_key.key),
        "log": {"heard": tiers.ordering.is_heard, "version": tiers.ordering.version},
        "held_off": tiers.backoff.is_delayed(entry_key.key),
    }


def describe_value(tiers: Tiers, value: CachedValue | None) -> dict[str, Any] | None:
    if value is None:
        return None
    header, now = value.header, tiers.clock()
    return {
        "state": _state(tiers, value),
        "verdict": value.verdict.value,
        "there": header.there,
        "age": round(now - header.made_at, 3),
        "fresh_for": round(header.fresh_until - now, 3),
        "stale_for": round(header.stale_until - now, 3),
        "cost": round(header.cost, 6),
        "tags": [tag for tag in header.tags if not tag.startswith(WEAK)],
        # A change of these makes it stale.
        "in_passing": [tag.removeprefix(WEAK) for tag in header.tags if tag.startswith(WEAK)],
        "epoch": header.stamp.epoch,
        "position": list(header.stamp.position),
    }


def _state(tiers: Tiers, value: CachedValue) -> str:
    """fresh, stale, expired, invalid: as a reader would meet it now."""
    header, now = value.header, tiers.clock()
    if value.verdict.value == "invalid":
        return "invalid"
    if value.verdict.value == "valid" and now < header.fresh_until and tiers.ordering.is_heard:
        return "fresh"
    return "stale" if now < header.stale_until else "expired"
