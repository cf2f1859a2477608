"""Carrying out a plan, a few at a time, and proving what it did."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from content.caching import NotThere
from content.warming.target import Target

AT_ONCE = 8
# An entry that is fresh for at least this many seconds more is left alone: two rounds of the minute's job.
# Those of a shorter life are loaded again each round.
MARGIN = 120.0


@dataclass
class Report:
    """Counts of targets, and why the failed ones failed. `warmed` are those read back fresh."""

    warmed: int = 0
    already_fresh: int = 0
    not_there: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.warmed + self.already_fresh + self.not_there + len(self.failures)

    def as_data(self) -> dict[str, Any]:
        return asdict(self) | {"failed": len(self.failures)}

    def __str__(self) -> str:
        return (
            f"{self.warmed} warmed, {self.already_fresh} fresh already, {self.not_there} not there, "
            f"{len(self.failures)} failed"
        )


async def warm(
    plan: Sequence[Target],
    *,
    margin: float = MARGIN,
    progress: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Load, in the plan's order, what is missing or has less than `margin` seconds of freshness left."""
    report = Report()
    waiting = iter(plan)

    async def work() -> None:
        for target in waiting:
            await warm_one(target, margin, report)
            progress(report)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return report


async def warm_one(target: Target, margin: float, report: Report) -> None:
    try:
        if await target.resource.fresh_for(*target.parameters) >= margin:
            report.already_fresh += 1
            return
        await target.resource.refresh(*target.parameters)
    except NotThere:
        report.not_there += 1
        return
    except Exception as error:
        report.failures[str(target)] = f"{type(error).__name__}: {error}"
        return
    await prove(target, report)


async def prove(target: Target, report: Report) -> None:
    """Warm is what can be read back fresh, whatever the load returned."""
    if await target.resource.fresh_for(*target.parameters) > 0:
        report.warmed += 1
    else:
        report.failures[str(target)] = "loaded, but not kept: the cache is away, or it was invalidated meanwhile"
