"""`make bench ONLY=versions BASE=folder`: what an operation costs in this checkout and in another one of the project.

Each pair starts two new processes, one for each checkout, on one core. Redis has the other core. The two take turns,
operation by operation, and the next pair begins with the other one. A cost is processor time of the whole process,
threads included, divided by the calls. The cheapest turn of a process counts: disturbances only add time.
"""

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.table import Table

from tests.benchmarks.contender import ROOT
from tests.benchmarks.cores import FOR_THE_LOAD
from tests.benchmarks.rounds import console
from tests.benchmarks.versions.checkout import Checkout, start_checkout
from tests.benchmarks.versions.comparison import Comparison, may_cost_more
from tests.support.servers.redis import running_redis

# The interval of twelve pairs is from the third ratio to the tenth.
PAIRS = 12
# Within a pair: the first checkout, the second, the second, the first.
TURNS = 2


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m tests.benchmarks versions", description="Compare two checkouts."
    )
    options.add_argument("base", type=Path, help="folder of the checkout to compare with")
    options.add_argument("--pairs", type=int, default=PAIRS)
    options.add_argument("--only", default="", help="operations whose name contains this")
    asked = options.parse_args()
    base = asked.base.resolve()
    if not (base / "content/caching/__init__.py").is_file():
        options.error(f"{base} is no checkout of the project.")
    os.sched_setaffinity(0, {FOR_THE_LOAD})
    costs: dict[str, list[tuple[float, float]]] = {}
    with running_redis() as server, console.status("") as status:
        for number in range(asked.pairs):
            with server.client() as client:
                client.flushall()
            status.update(f"pair {number + 1} of {asked.pairs}")
            for name, pair in measure_pair(base, server.url, number, asked.only).items():
                costs.setdefault(name, []).append(pair)
    if not costs:
        options.error(f"no operation is named {asked.only!r}.")
    show(base, [Comparison(name, tuple(pairs)) for name, pairs in costs.items()])


def measure_pair(base: Path, redis_url: str, number: int, only: str) -> dict[str, tuple[float, float]]:
    """Seconds a call by operation: in the other checkout, and in this one."""
    with ExitStack() as stack:
        # Prefixes are equally long, since the length of a key has its price.
        old = stack.enter_context(start_checkout(base, redis_url, f"old{number:03}"))
        new = stack.enter_context(start_checkout(ROOT, redis_url, f"new{number:03}"))
        pair = (old, new) if number % 2 else (new, old)
        return {name: measure_operation(name, pair, old, new) for name in new.operations if only in name}


def measure_operation(name: str, pair: Sequence[Checkout], old: Checkout, new: Checkout) -> tuple[float, float]:
    for checkout in pair:
        checkout.run(name)  # to fill caches, not counted
    costs: dict[Checkout, list[float]] = {old: [], new: []}
    for turn in range(TURNS):
        for checkout in pair if turn % 2 == 0 else reversed(pair):
            costs[checkout].append(checkout.run(name))
    return min(costs[old]), min(costs[new])


def show(base: Path, comparisons: Sequence[Comparison]) -> None:
    pairs = len(comparisons[0].pairs)
    title = f"Processor time in microseconds a call; old: {base}, new: {ROOT}, {pairs} pairs"
    table = Table("", title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("old", "new", "new to old", "interval", "5 % dearer"):
        table.add_column(name, justify="right")
    for each in comparisons:
        low, high = each.interval
        old, new = (f"{seconds * 1e6:,.2f}" for seconds in (each.old, each.new))
        table.add_row(each.name, old, new, f"{each.ratio:.3f}", f"{low:.3f} to {high:.3f}", may_cost_more(each))
    console.print(table)
    console.print(f"\nRatio: median of the pairs. Its interval covers at least {comparisons[0].coverage:.1%}.")


if __name__ == "__main__":
    main()
