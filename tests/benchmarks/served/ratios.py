"""Goals, and the ratios that were measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table

from tests.benchmarks.rounds import console
from tests.benchmarks.runs import Measured
from tests.benchmarks.served.contenders import BARE_CACHE_PAGE, CACHE_PAGE, EMPTY, OURS, PLAIN


@dataclass(frozen=True)
class Ratio:
    """The ratio of two rates in one row, and the least that it should be."""

    row: str
    ours: str
    theirs: str
    least: float


RATIOS = (
    Ratio("hit", OURS, "nginx", 1.0),
    Ratio("hit", OURS, "Varnish", 1.5),
    Ratio("hit", OURS, CACHE_PAGE, 100),
    Ratio("hit", OURS, BARE_CACHE_PAGE, 100),
    Ratio("hit", PLAIN, EMPTY, 0.6),
)


def show_ratios(rows: Mapping[str, Mapping[str, Measured]]) -> None:
    table = Table("ratio", title="Targets", title_justify="left", box=None, pad_edge=False)
    for name in ("reached", "in the worst round", "by CPU", "target"):
        table.add_column(name, justify="right")
    for ratio in RATIOS:
        row = rows.get(ratio.row, {})
        if ratio.ours in row and ratio.theirs in row:
            ours, theirs = row[ratio.ours], row[ratio.theirs]
            table.add_row(f"{ratio.ours} to {ratio.theirs}", *goal_columns(ours, theirs), f"{ratio.least:g}")
    if table.row_count:
        console.print(table)


def goal_columns(ours: Measured, theirs: Measured) -> tuple[str, ...]:
    """The last is by CPU: the ratio of the rates if neither had to wait for the load generator."""
    rounds = [mine.rate / other.rate for mine, other in zip(ours.runs, theirs.runs, strict=True)]
    by_cpu = theirs.median(lambda run: run.cost) / ours.median(lambda run: run.cost)
    return f"{ours.rate / theirs.rate:.2f}", f"{min(rounds):.2f}", f"{by_cpu:.2f}"
