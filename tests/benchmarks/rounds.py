"""Honest timing: contenders take turns, round by round, so that what slows the machine slows them all."""

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

ROUNDS = 7

Job = Callable[[], Awaitable[int]]

console = Console(width=120)


@dataclass(frozen=True)
class Rate:
    """Operations a second, over the rounds."""

    name: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """From the slowest round to the fastest, as a share of the median."""
        return (max(self.rounds) - min(self.rounds)) / self.median


async def measure(jobs: dict[str, Job], rounds: int = ROUNDS) -> list[Rate]:
    """Each job does what it does once, answers how many operations that were, and takes its turn in each round."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        await job()
    names = list(jobs)
    for number in range(rounds):
        # Begin with another one each time: who follows whom changes as well.
        for name in names[number % len(names) :] + names[: number % len(names)]:
            gc.collect()
            began = time.perf_counter()
            operations = await jobs[name]()
            taken[name].append(operations / (time.perf_counter() - began))
            await asyncio.sleep(0)
    return [Rate(name, tuple(rates)) for name, rates in taken.items()]


def show(title: str, rates: Iterable[Rate], beside: str) -> None:
    """With the ratio of each to the one that is named."""
    rates = list(rates)
    base = next(rate.median for rate in rates if rate.name == beside)
    table = Table("", title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("operations/s", "microseconds each", "spread", f"ratio to {beside}"):
        table.add_column(name, justify="right")
    for rate in rates:
        table.add_row(
            rate.name,
            f"{rate.median:,.0f}",
            f"{1_000_000 / rate.median:,.2f}",
            f"{rate.spread:.0%}",
            f"{rate.median / base:.2f}",
        )
    console.print(table)
    console.print()
