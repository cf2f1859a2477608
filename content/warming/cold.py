"""Cold entries: the difference between the entries that should be in the cache and those that are."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from content.caching.engine import Engine
from content.caching.entry import Header, Verdict
from content.caching.headers import StoredHeader, read_headers
from content.caching.warm_plan import WarmPlan
from content.warming.targets import Target

# Seconds that a load is taken to cost if nothing is stored that knows better.
UNKNOWN_COST = 0.02


class ColdEntry(NamedTuple):
    """A target that is missing, invalid, stale, or about to end.

    cost          of its last load, in seconds
    seen_at       made_at of the stored entry, 0 for none
    served_until  readers get the stored entry until then (Unix seconds); 0 if they do not
    fresh_for     of the stored entry, in seconds
    mark          the plan of warming that loaded the stored entry
    is_hot        it is one of those that are read most
    """

    target: Target
    key: str
    heat: float
    cost: float
    seen_at: float
    served_until: float = 0.0
    fresh_for: float = 0.0
    mark: int = 0
    is_hot: bool = False

    @property
    def plan(self) -> WarmPlan:
        """The plan of warming that loads it."""
        return WarmPlan.HOT if self.is_hot else WarmPlan.SITE

    @property
    def weight(self) -> float:
        """The time that readers would wait for this entry, all together."""
        return self.heat * self.cost


class Comparison(NamedTuple):
    """The entries that are stored of some targets, and those that have to be loaded."""

    stored: dict[str, StoredHeader]
    cold: list[ColdEntry]


async def compare(engine: Engine, should: Mapping[str, Target], horizon: float) -> Comparison | None:
    """The stored headers of the targets (by key), and the cold entries in the order of the targets.

    `horizon`: seconds until the loop comes by again, for which an entry has to be fresh. None if nothing can be said,
    since the cache does not answer or invalidations may have been missed.
    """
    stored = await read_headers(engine.tiers, list(should))
    return Comparison(stored, find_cold(stored, should, {}, horizon, engine.clock())) if stored is not None else None


def find_cold(
    stored: Mapping[str, StoredHeader],
    should: Mapping[str, Target],
    heat: Mapping[str, float],
    horizon: float,
    now: float,
    hot_from: float = math.inf,
) -> list[ColdEntry]:
    """The cold entries among the targets, most useful first. `hot_from`: the least heat of what is hot."""
    cold = list[ColdEntry]()
    for key, target in should.items():
        known = stored.get(key)
        if known is not None and known.fresh_for(now) > min(horizon, _half_life(known)):
            continue
        entry = _cold_entry(target, key, heat.get(key, 0.0), known, now)
        cold.append(entry._replace(is_hot=entry.heat >= hot_from))
    return sorted(cold, key=lambda entry: -entry.weight)


def _cold_entry(target: Target, key: str, heat: float, known: StoredHeader | None, now: float) -> ColdEntry:
    if known is None:
        return ColdEntry(target, key, heat, UNKNOWN_COST, 0.0)
    header = known.header
    served_until = header.stale_until if known.verdict is not Verdict.INVALID else 0.0
    return ColdEntry(
        target, key, heat, header.cost, header.made_at, served_until, known.fresh_for(now), mark_in(header)
    )


def mark_in(header: Header) -> int:
    """One that was never fresh, since a part of it was stale, tells nothing about its readers."""
    return header.warmed if header.fresh_until > header.made_at else WarmPlan.PARTS


def _half_life(known: StoredHeader) -> float:
    """Half of the time for which an entry is fresh: one that lives shorter than the horizon is not always due."""
    return (known.header.fresh_until - known.header.made_at) / 2
