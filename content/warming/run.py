"""Load entries and make pages in batches, and read back what was stored."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import groupby
from typing import Any, Protocol, cast

from content.caching import NotThere, Resource
from content.caching.engines import engine_of
from content.caching.metrics.events import sum_amounts, total
from content.caching.queries import count_queries
from content.caching.warm_plan import WarmPlan, warm_under
from content.caching.warmer import WarmResult
from content.warming.targets import Target, pages

# Entries of one resource in a batch: a loader takes two to six queries for it.
ENTRIES_AT_ONCE = 500
# Pages that are looked up at once, and pages that are made at once.
PAGES_AT_ONCE, MADE_AT_ONCE = 200, 8
# Entries that stay fresh for this many seconds are left alone.
MARGIN = 120.0
# Failures whose reasons are kept. All are counted.
MOST_REASONS = 1_000
NOT_STORED = "loaded, but not stored: the cache is down, or it was invalidated meanwhile"


@dataclass
class Report:
    """Counts of targets, and the reasons of failures, of the first 1,000. `warmed` counts what was read back fresh.

    pages    how many of the warmed and of the fresh are pages
    queries  SQL statements
    bytes    that were stored
    """

    warmed: int = 0
    already_fresh: int = 0
    not_there: int = 0
    failed: int = 0
    pages: int = 0
    queries: int = 0
    bytes: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.warmed + self.already_fresh + self.not_there + self.failed

    def fail(self, target: Target, reason: str) -> None:
        self.failed += 1
        if len(self.failures) < MOST_REASONS:
            self.failures[str(target)] = reason

    def add(self, other: "Report") -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, reason in other.failures.items():
            if len(self.failures) < MOST_REASONS:
                self.failures.setdefault(name, reason)

    def as_data(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.warmed} warmed, {self.already_fresh} fresh already ({self.pages} of both are pages), "
            f"{self.not_there} not there, {self.failed} failed"
        )


COUNTS = ("warmed", "already_fresh", "not_there", "failed", "pages", "queries", "bytes")

Progress = Callable[[Report], None]


def ignore_progress(report: Report) -> None:
    pass


async def warm(plan: Sequence[Target], *, margin: float = MARGIN, progress: Progress = ignore_progress) -> Report:
    """Load, in the plan's order, entries and pages that are missing or stay fresh for less than `margin` seconds.

    A page waits for the entries before it: made of one that is being loaded, it would be stale. `progress` is called
    after each batch. Errors are in the report.
    """
    report = Report()
    for are_pages, targets in groupby(plan, key=lambda target: target.resource is pages):
        for batch in split(list(targets), PAGES_AT_ONCE) if are_pages else split_entries(targets):
            with count_queries() as queries, sum_amounts() as amounts:
                report.add(await (warm_pages(batch, margin) if are_pages else warm_entries(batch, margin)))
            report.queries += queries.count
            report.bytes += total(amounts, "stored_bytes")
            progress(report)
    return report


def split_entries(targets: Iterable[Target]) -> list[list[Target]]:
    """Batches of one resource each, in the order in which the plan names the resources first."""
    by_name: dict[str, list[Target]] = defaultdict(list)
    for target in targets:
        by_name[target.resource.name].append(target)
    return [batch for some in by_name.values() for batch in split(some, ENTRIES_AT_ONCE)]


def split(targets: list[Target], size: int) -> list[list[Target]]:
    return [targets[first : first + size] for first in range(0, len(targets), size)]


async def warm_entries(targets: Sequence[Target], margin: float) -> Report:
    """Load one batch of entries of one resource."""
    report = Report()
    try:
        resource = cast(Resource[..., Any], targets[0].resource)
        keys = {target: resource.entry_key(target.parameters, {}) for target in targets}
        with warm_under(WarmPlan.RUN):
            results = await engine_of(resource.cache).warm(keys.values(), margin)
    except Exception as error:
        for target in targets:
            report.fail(target, describe(error))
        return report
    for target, entry_key in keys.items():
        count_entry(report, target, results[entry_key.key])
    return report


def count_entry(report: Report, target: Target, result: WarmResult) -> None:
    if result.fresh_for > 0 and not result.there:
        report.not_there += 1
    elif result.fresh_for > 0 and (result.is_loaded or result.error is not None):
        report.warmed += 1
    elif result.fresh_for > 0:
        report.already_fresh += 1
    else:
        report.fail(target, describe(result.error) if result.error is not None else NOT_STORED)


async def warm_pages(targets: Sequence[Target], margin: float) -> Report:
    """Make one batch of pages, several at once; one lookup of all before, and one after."""
    report, slots = Report(), asyncio.Semaphore(MADE_AT_ONCE)
    due = [target for target, fresh in zip(targets, await find_fresh(targets), strict=True) if fresh < margin]
    report.already_fresh = report.pages = len(targets) - len(due)
    made = [
        target
        for target, is_made in zip(due, await gather(partial(make, slots, report), due), strict=True)
        if is_made
    ]
    for target, fresh in zip(made, await find_fresh(made), strict=True):
        if fresh > 0:
            report.warmed += 1
            report.pages += 1
        else:
            report.fail(target, NOT_STORED)
    return report


async def make(slots: asyncio.Semaphore, report: Report, target: Target) -> bool:
    """Whether it was made. If not, it is counted."""
    try:
        async with slots:
            with warm_under(WarmPlan.RUN):
                await pages.refresh(*target.parameters)
        return True
    except NotThere:
        report.not_there += 1
    except Exception as error:
        report.fail(target, describe(error))
    return False


async def find_fresh(targets: Sequence[Target]) -> list[float]:
    """Seconds for which each page is fresh."""
    return await gather(lambda target: pages.fresh_for(*target.parameters), targets)


async def gather(function: Callable[[Target], Any], targets: Iterable[Target]) -> list[Any]:
    return list(await asyncio.gather(*map(function, targets)))


def describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


class Warm(Protocol):
    """`warm`, or the same by several processes, or within a budget."""

    async def __call__(self, plan: Sequence[Target], *, margin: float, progress: Progress) -> Report: ...
