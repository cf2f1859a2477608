"""The estimate of a run that is not started: its targets, the loads, and about how long they take."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from asgiref.sync import sync_to_async

from content.caching.engines import engine_of
from content.caching.headers import read_headers
from content.warming.catalogue import choose_hot
from content.warming.choice import Choice
from content.warming.run import MARGIN
from content.warming.runs import mean_rate
from content.warming.steps import Steps
from content.warming.targets import Plan, pages

# Loads a second of one process, as docs/warming.md has measured them. The rate of earlier runs comes before them.
ENTRIES_A_SECOND, PAGES_A_SECOND = 4_000.0, 150.0


@dataclass
class Estimate:
    """Counts. `pages`: of the loads. `rate`: loads a second of the last runs, None without one."""

    planned: int = 0
    loads: int = 0
    pages: int = 0
    rate: float | None = None

    @property
    def seconds(self) -> float:
        if self.rate:
            return self.loads / self.rate
        return (self.loads - self.pages) / ENTRIES_A_SECOND + self.pages / PAGES_A_SECOND

    def __str__(self) -> str:
        return f"{self.planned:,} would be warmed: {self.loads:,} loads, about {max(1, round(self.seconds)):,} s."


async def estimate(choice: Choice, report: Estimate) -> AsyncIterator[str]:
    """The keys of all targets, in order; `report` is complete at the end."""
    report.rate = await sync_to_async(mean_rate)()
    async for step in Steps(choice, await choose_hot()).list():
        await count_loads(step.targets, report)
        for target in step.targets:
            yield str(target)


async def count_loads(plan: Plan, report: Estimate) -> None:
    """Add the targets to the report. Where nothing can be said of what is stored, each is a load."""
    engine = engine_of("default")
    stored = await read_headers(engine.tiers, [str(target) for target in plan]) or {}
    now = engine.clock()
    for target in plan:
        known = stored.get(str(target))
        report.planned += 1
        if known is None or known.fresh_for(now) < MARGIN:
            report.loads += 1
            report.pages += target.resource is pages
