"""Warming: carry out a plan, a few targets at a time, and read back what was stored."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from content.caching import NotThere
from content.warming.plan import plan_chosen
from content.warming.targets import Target, pages

AT_ONCE = 8
# Entries that stay fresh for this many seconds are left alone.
MARGIN = 120.0


@dataclass
class Report:
    """Counts of targets, and the reasons of failures. `warmed` counts targets that were read back fresh."""

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
    """Load, in the plan's order, entries that are missing or stay fresh for less than `margin` seconds.

    A page waits for the entries before it: made of one that is being loaded, it would be stale.
    """
    report = Report()

    async def work(waiting: Iterator[Target]) -> None:
        for target in waiting:
            await warm_one(target, margin, report)
            progress(report)

    for _, targets in groupby(plan, key=lambda target: target.resource is pages):
        waiting = iter(list(targets))
        await asyncio.gather(*(work(waiting) for _ in range(AT_ONCE)))
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
    await read_back(target, report)


async def read_back(target: Target, report: Report) -> None:
    """Count a target as warmed only if it is fresh now, whatever the load returned."""
    if await target.resource.fresh_for(*target.parameters) > 0:
        report.warmed += 1
    else:
        report.failures[str(target)] = "loaded, but not stored: the cache is down, or it was invalidated meanwhile"


async def warm_chosen(
    names: Iterable[str] = (),
    urls: Iterable[str] = (),
    *,
    top: int | None = None,
    everything: bool = False,
) -> Report:
    return await warm(await plan_chosen(names, urls, top=top, everything=everything))
