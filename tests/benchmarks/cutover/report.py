"""Report a cutover: errors, hits and waits of readers by phase, and whether it keeps its bounds."""

from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from tests.benchmarks.cutover.course import ALONE, PHASES, Course
from tests.benchmarks.plot import SHARES, Panel, draw, waits_panel
from tests.benchmarks.readers import Read
from tests.benchmarks.tables import new_table
from tests.benchmarks.waits import Waits, by_second, share_of_loads, split_by_second

# The bounds: hits of each second, and p99 and memory beside the old release alone.
HITS, SLOWER, LARGER = 0.95, 1.5, 2.0
COLUMNS = (
    "from s",
    "requests",
    "errors",
    "waited",
    "least hits",
    "p50 ms",
    "p99",
    "times N",
    "longest",
    "Redis MB",
)
EXAMPLES = 3


class Summary:
    def __init__(self, course: Course) -> None:
        self.course = course
        self.by_phase: dict[str, list[Read]] = {phase: [] for phase in course.phases}
        for read in course.reads:
            self.by_phase[course.phase_at(read.due)].append(read)
        self.waits = {phase: Waits(reads) for phase, reads in self.by_phase.items()}
        # By second. A second in which traffic switches counts for the phase in which it began.
        self.hits = {at: 1 - share_of_loads(reads) for at, reads in split_by_second(course.reads).items()}
        self.errors = [read for read in course.reads if read.is_error]

    def slower(self, phase: str) -> float:
        """p99 beside that of the old release alone."""
        return self.waits[phase].quantile(0.99) / self.waits[ALONE].quantile(0.99)

    def least_hits(self, phase: str) -> float:
        shares = [share for at, share in self.hits.items() if self.course.phase_at(at) == phase]
        return min(shares, default=1.0)

    def memory(self, phase: str) -> int:
        """The most, in bytes; 0 if none was read."""
        return max((used for at, used in self.course.memory if self.course.phase_at(at) == phase), default=0)

    @property
    def larger(self) -> float:
        """The most memory of all, beside the most of the old release alone."""
        return max(map(self.memory, self.course.phases)) / max(1, self.memory(ALONE))

    def table(self) -> Table:
        table = new_table(COLUMNS)
        for phase, began in self.course.phases.items():
            waits, errors = self.waits[phase], sum(read.is_error for read in self.by_phase[phase])
            table.add_row(
                phase,
                f"{began:.1f}",
                f"{len(waits.reads):,}",
                f"{errors:,}",
                f"{waits.loads:.2%}",
                f"{self.least_hits(phase):.1%}",
                f"{waits.quantile(0.5) * 1000:,.1f}",
                f"{waits.quantile(0.99) * 1000:,.1f}",
                f"{self.slower(phase):.2f}",
                f"{waits.quantile(1.0) * 1000:,.1f}",
                f"{self.memory(phase) / 1e6:,.1f}",
            )
        return table

    def verdicts(self) -> Iterator[str]:
        slowest = max(self.course.phases, key=self.slower)
        yield describe(not self.errors, f"{len(self.errors):,} errors (at most none)")
        for read in self.errors[:EXAMPLES]:
            yield f"     {read.path}: {f'status {read.status}' if read.status else 'no response'} at {read.due:.1f} s"
        least = min(self.hits.values())
        yield describe(least >= HITS, f"{least:.1%} hits in the worst second (at least {HITS:.0%})")
        ratio = self.slower(slowest)
        yield describe(ratio <= SLOWER, f"p99 {ratio:.2f} times that of N alone, in '{slowest}' (at most {SLOWER})")
        yield describe(
            self.larger <= LARGER, f"Redis uses {self.larger:.2f} times as much as with N alone ({LARGER})"
        )


def describe(is_kept: bool, text: str) -> str:
    return f"{'yes' if is_kept else 'NO'}: {text}"


def write_plot(course: Course, file: Path) -> None:
    """Raises OSError if the file cannot be written."""
    seconds, summary = by_second(course.reads), Summary(course)
    alone = max(1, summary.memory(ALONE))
    memory = [(at, min(1.0, used / alone / LARGER)) for at, used in course.memory]
    panels = [
        Panel("hits, share of the requests of a second", SHARES, {"readers": list(summary.hits.items())}),
        waits_panel("p99 of a second, ms", {"readers": [(n, each.p99 * 1000) for n, each in enumerate(seconds)]}),
        Panel("memory of Redis, times that of N alone", {0.0: "0", 0.5: "1", 1.0: "2"}, {"Redis": memory}),
    ]
    # Numbers, since names would overlap.
    marks = [(began, str(PHASES.index(phase) + 1)) for phase, began in course.phases.items()]
    draw(panels, max(read.due for read in course.reads), file, marks)
