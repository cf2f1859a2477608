"""Gaps: the difference between what should be in the cache and what is there."""

from collections.abc import Mapping
from typing import NamedTuple

from content.caching.engine import Engine
from content.caching.headers import StoredHeader
from content.warming.targets import Target

# Seconds that a load is taken to cost if nothing is stored that knows better.
UNKNOWN_COST = 0.02


class Gap(NamedTuple):
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
        """What readers would wait for this entry, all together."""
        return self.heat * self.cost


class Comparison(NamedTuple):
    """Of some targets: what is stored of them, and what has to be loaded."""

    stored: dict[str, StoredHeader]
    gaps: list[Gap]


async def compare(
    engine: Engine, should: Mapping[str, Target], heat: Mapping[str, float], horizon: float
) -> Comparison | None:
    """The stored headers of the targets (by key), and the gaps, most useful first.

    `horizon`: seconds until the loop comes by again, for which an entry has to be fresh. None if nothing can be said,
    since the cache does not answer or invalidations may have been missed.
    """
    stored = await engine.read_headers(list(should))
    if stored is None:
        return None
    now, gaps = engine.clock(), list[Gap]()
    for key, target in should.items():
        known = stored.get(key)
        if known is not None and known.fresh_for(now) > min(horizon, _half_life(known)):
            continue
        cost, seen_at = (UNKNOWN_COST, 0.0) if known is None else (known.header.cost, known.header.made_at)
        gaps.append(Gap(target, key, heat.get(key, 0.0), cost, seen_at))
    return Comparison(stored, sorted(gaps, key=lambda gap: -gap.weight))


def _half_life(known: StoredHeader) -> float:
    """Half of the time for which an entry is fresh: one that lives shorter than the horizon is not always due."""
    return (known.header.fresh_until - known.header.made_at) / 2
