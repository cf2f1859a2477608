"""The tables of the report."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from tests.benchmarks.readers import TOP, find_hot
from tests.benchmarks.tables import new_table
from tests.benchmarks.waits import Waits
from tests.benchmarks.warm.runs import Course

WAITED = ("requests", f"top {TOP:,} that waited", "all", "p50 ms", "p99", "p99.9", "longest", "lost")
SHOWN = ("95 % hits after", "pages made at once", "edits shown", "withdrawn pages shown")


def table_of_waits(courses: Mapping[str, Course], drawn: Sequence[str]) -> Table:
    """For each contender: readers beside edits, readers beside withdrawals as well, and those of the static file."""
    table, hot = new_table(WAITED), find_hot(drawn)
    for name, course in courses.items():
        add_waits(table, name, Waits(course.reads, hot))
        if course.beside_withdrawals:
            add_waits(table, "  beside withdrawals", Waits(course.beside_withdrawals, hot))
        if course.static:
            add_waits(table, "  nginx, a static file", Waits(course.static), has_loads=False)
    return table


def table_of_pages(courses: Mapping[str, Course]) -> Table:
    table = new_table(SHOWN)
    for name, course in courses.items():
        table.add_row(
            name,
            ", ".join("not" if seconds is None else f"{seconds} s" for seconds in course.warm_after),
            f"{Waits(course.reads).at_once}",
            f"{course.edits_shown:,} of {course.edits:,}",
            f"{course.withdrawn_shown:,}",
        )
    return table


def add_waits(table: Table, name: str, waits: Waits, *, has_loads: bool = True) -> None:
    table.add_row(
        name,
        f"{len(waits.reads):,}",
        f"{waits.hot_loads:.2%}" if has_loads else "",
        f"{waits.loads:.2%}" if has_loads else "",
        *(f"{waits.quantile(share) * 1000:,.1f}" for share in (0.5, 0.99, 0.999, 1.0)),
        f"{waits.lost:,}",
    )
