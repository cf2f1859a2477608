"""Contenders under load, one after the other, round by round: rates, latencies, and whose processor was the limit."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from tests.benchmarks.contender import Contender
from tests.benchmarks.load import Load
from tests.benchmarks.rounds import console

ROUNDS = 5
# The share of its core from which on a process has no more to give.
FULL = 0.95


@dataclass(frozen=True)
class Run:
    """`server_seconds`: processor time, user and system, of the server and all its processes."""

    load: Load
    server_seconds: float

    @property
    def rate(self) -> float:
        return self.load.requests / self.load.seconds

    @property
    def cost(self) -> float:
        """Processor seconds a request."""
        return self.server_seconds / self.load.requests

    @property
    def server_busy(self) -> float:
        return self.server_seconds / self.load.seconds


@dataclass(frozen=True)
class Measured:
    """All runs of one contender."""

    name: str
    runs: tuple[Run, ...]

    def median(self, of: Callable[[Run], float]) -> float:
        return statistics.median(map(of, self.runs))

    @property
    def rate(self) -> float:
        return self.median(lambda run: run.rate)

    @property
    def spread(self) -> float:
        """From the slowest round to the fastest, as a share of the median."""
        rates = [run.rate for run in self.runs]
        return (max(rates) - min(rates)) / self.rate

    @property
    def waited_for_load(self) -> bool:
        """Whether the generator was at its limit and the server was not: it could do more."""
        return self.median(lambda run: run.load.busy) >= FULL > self.median(lambda run: run.server_busy)


def in_turn(contenders: Sequence[Contender], loaded: Callable[[Contender], Load], rounds: int) -> list[Measured]:
    taken: dict[str, list[Run]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        # Begin with another one each time: who follows whom changes as well.
        first = number % len(contenders)
        for contender in [*contenders[first:], *contenders[:first]]:
            before = contender.processor_seconds()
            load = loaded(contender)
            taken[contender.name].append(Run(load, contender.processor_seconds() - before))
    return [Measured(name, tuple(runs)) for name, runs in taken.items()]


COLUMNS: dict[str, Callable[[Measured], str]] = {
    "requests/s": lambda each: f"{each.rate:,.0f}",
    "spread": lambda each: f"{each.spread:.0%}",
    "p50 ms": lambda each: f"{each.median(lambda run: run.load.p50) * 1e3:.2f}",
    "p99 ms": lambda each: f"{each.median(lambda run: run.load.p99) * 1e3:.2f}",
    "CPU µs": lambda each: f"{each.median(lambda run: run.cost) * 1e6:.2f}",
    "server": lambda each: f"{each.median(lambda run: run.server_busy):.0%}",
    "load": lambda each: f"{each.median(lambda run: run.load.busy):.0%}{' (!)' if each.waited_for_load else ''}",
}


def show(
    title: str, measured: Iterable[Measured], beside: str, more: Mapping[str, Callable[[Measured], str]] | None = None
) -> None:
    """With the ratio of each to the one that is named, if that was measured; `more`: columns after that.

    "CPU µs" is the server's, a request; "server" and "load" are the shares that both took of their cores.
    """
    measured, more = list(measured), more or {}
    base = next((each.rate for each in measured if each.name == beside), None)
    table = Table("", title=title, title_justify="left", box=None, pad_edge=False)
    for name in (*COLUMNS, f"to {beside}", *more):
        table.add_column(name, justify="right")
    for each in measured:
        ratio = f"{each.rate / base:.2f}" if base else ""
        table.add_row(each.name, *(of(each) for of in COLUMNS.values()), ratio, *(of(each) for of in more.values()))
    console.print(table)
    tell_who_waited(measured)
    console.print()


def tell_who_waited(measured: Iterable[Measured]) -> None:
    for each in measured:
        if each.waited_for_load:
            most = 1 / each.median(lambda run: run.cost)
            console.print(f"(!) {each.name} waited for the load generator; a core of it is good for {most:,.0f}.")
