"""Report purges: waits of readers before and after each, and how soon all was fresh again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from tests.benchmarks.plot import SHARES, Panel, Point, draw, waits_panel
from tests.benchmarks.purge.looks import HOT, HOTTEST, SITE, Look, seconds_to
from tests.benchmarks.readers import Read
from tests.benchmarks.tables import new_table
from tests.benchmarks.waits import Waits, quantile_of, split_by_second

# Readers who waited, of whom the report tells more.
EXAMPLES = 5
# The share that is fresh when all counts as warm again.
WARM = 0.99
COLUMNS = ("requests", "waited", "share", "p50 ms", "p99", "longest", "lost", "hot set 99 % after", "site 99 % after")


@dataclass(frozen=True)
class Course:
    """Reads and looks, in seconds from the purge on: those before it are negative."""

    reads: list[Read]
    looks: list[Look]

    def of_set(self, name: str) -> list[Look]:
        return [look for look in self.looks if look.name == name]


def table_of_purges(courses: Mapping[str, Course]) -> Table:
    table = new_table(COLUMNS)
    for kind, course in courses.items():
        back = [seconds_to(WARM, (look for look in course.of_set(name) if look.at > 0)) for name in (HOT, SITE)]
        table.add_row(f"before the {kind} purge", *numbers_of([read for read in course.reads if read.due < 0]))
        table.add_row(
            "after it",
            *numbers_of([read for read in course.reads if read.due >= 0]),
            *("not" if seconds is None else f"{seconds:.1f} s" for seconds in back),
        )
    return table


def list_waits(course: Course) -> Iterator[str]:
    """Some readers who waited after the purge: what they asked for, why it was made for them, and when."""
    waited = [read for read in course.reads if read.due >= 0 and not read.is_hit]
    for read in waited[:EXAMPLES]:
        yield f"{read.path} ({read.forwarded or 'no response'}) {read.due:.1f} s after the purge"


def numbers_of(reads: Sequence[Read]) -> list[str]:
    waits, waited = Waits(reads), sum(not read.is_hit for read in reads)
    times = (f"{waits.quantile(share) * 1000:,.1f}" for share in (0.5, 0.99, 1.0))
    return [f"{len(reads):,}", f"{waited:,}", f"{waits.loads:.2%}", *times, f"{waits.lost:,}"]


def write_plot(courses: Mapping[str, Course], file: Path) -> None:
    """Raises OSError if the file cannot be written."""
    dues = [read.due for course in courses.values() for read in course.reads]
    first, last = min(dues), max(dues)

    def fresh(name: str) -> dict[str, list[Point]]:
        return {
            kind: [(look.at - first, look.share) for look in course.of_set(name) if first <= look.at <= last]
            for kind, course in courses.items()
        }

    panels = [
        Panel(f"fresh, share of the {HOTTEST:,} hottest entries", SHARES, fresh(HOT)),
        Panel("fresh, share of all entries of the site", SHARES, fresh(SITE)),
        waits_panel("p99 of a second, ms", {kind: p99_by_second(course, first) for kind, course in courses.items()}),
    ]
    draw(panels, round(last - first), file, [(-first, "purge")])


def p99_by_second(course: Course, first: float) -> list[Point]:
    """Seconds since `first`, and milliseconds."""
    seconds = split_by_second([read.later(-first) for read in course.reads])
    return [(at, quantile_of(sorted(read.took for read in each), 0.99) * 1000) for at, each in seconds.items()]
