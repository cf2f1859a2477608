"""Heat as tests look at it: counts of this process are sent at once, and scores are read as numbers of reads."""

import time

from content.caching.engines import engine_of
from content.caching.heat import HALF_LIVES, Heat
from content.caching.metrics.reports import reporting


def send_reads() -> None:
    """Send what this process has counted to Redis."""
    reporter = reporting.reporter
    assert reporter is not None
    reporter.collect(reporter.connect)


def heat_of(alias: str = "default") -> Heat:
    heat = engine_of(alias).heat
    assert heat is not None
    return heat


async def read_counts(heat: Heat, half_life: int = 1) -> dict[str, float]:
    """Reads by name, decayed by minutes (0) or days (1)."""
    now = heat.clock() if heat.clock is not None else time.time()
    scores = [score for _, score in await heat._read(1_000_000)]
    found = {score.name: (score.minutes, score.days)[half_life] for score in scores}
    return {name: round(2 ** (at - now / HALF_LIVES[half_life]), 3) for name, at in found.items() if at is not None}
