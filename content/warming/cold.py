"""Cold entries: the difference between the entries that should be in the cache and those that are."""

from collections.abc import Mapping
from typing import NamedTuple

from content.caching.engine import Engine
from content.caching.headers import StoredHeader, read_headers
from content.warming.targets import Target

# Seconds that a load is taken to cost if nothing is stored that knows better.
UNKNOWN_COST = 0.02


class ColdEntry(NamedTuple):
    """A target that is missing, invalid, stale, or about to end.

    `cost`: of its last load, in seconds. `seen_at`: made_at of the stored entry, 0 for none.
    """

    target: Target
    key: str
    heat: float
    cost: float
    seen_at: float

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
) -> list[ColdEntry]:
    """The cold entries among the targets, most useful first."""
    cold = list[ColdEntry]()
    for key, target in should.items():
        known = stored.get(key)
        if known is not None and known.fresh_for(now) > min(horizon, _half_life(known)):
            continue
        cost, seen_at = (UNKNOWN_COST, 0.0) if known is None else (known.header.cost, known.header.made_at)
        cold.append(ColdEntry(target, key, heat.get(key, 0.0), cost, seen_at))
    return sorted(cold, key=lambda entry: -entry.weight)


def _half_life(known: StoredHeader) -> float:
    """Half of the time for which an entry is fresh: one that lives shorter than the horizon is not always due."""
    return (known.header.fresh_until - known.header.made_at) / 2
