"""Check a history for I1, I2, I3, I11 and I12. The checker knows the promises, and nothing else of the engine."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.support.race.history import IN_PASSING, WITHDRAW, Failure, Inside, Load, Read, Run, Write
from tests.support.race.registers import UNCOMMITTED

# A process that has not heard of the log for a second calls nothing fresh; a little for the machine.
SILENCE = 1.0
SLACK = 0.25
# Seconds until a relay has seen what another program wrote, on a busy machine.
RELAYED = 1.0


@dataclass
class Findings:
    """Violations by property, the first few in words."""

    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    examples: list[str] = field(default_factory=list)
    reads: int = 0
    writes: int = 0
    loads: int = 0
    failures: list[Failure] = field(default_factory=list)
    all_reads: list[Read] = field(default_factory=list)
    all_loads: list[Load] = field(default_factory=list)
    all_runs: list[Run] = field(default_factory=list)
    stale: int = 0

    def add(self, name: str, what: str) -> None:
        self.counts[name] += 1
        if len(self.examples) < 10:
            self.examples.append(f"{name}: {what}")

    @property
    def total(self) -> int:
        return sum(self.counts.values())


class Staircase:
    """The highest value of a sorted list up to a point."""

    def __init__(self, steps: Iterable[tuple[Any, int]]) -> None:
        self.places: list[Any] = []
        self.values: list[int] = []
        highest = -1
        for place, value in sorted(steps):
            highest = max(highest, value)
            self.places.append(place)
            self.values.append(highest)

    def up_to(self, place: Any) -> int:
        index = bisect_right(self.places, place)
        return self.values[index - 1] if index else -1


def check(
    history: list[Any],
    longest: float,
    *,
    one_load: bool = True,
    one_run: bool = True,
    by_clock: bool = True,
    by_log: bool = True,
    no_errors: bool = False,
    lapsed_after: float | None = None,
) -> Findings:
    """`longest`: seconds after its load for which a value may be served at most (ttl and stale_ttl).

    `by_clock` is off if clocks are skewed or Redis is down: then only the order of the log is checked.
    `by_log` is off where the log itself is lost, and its positions begin anew. With `no_errors` no reader may get
    one. `lapsed_after`: a load that took longer, in seconds, has lost its lease.
    """
    findings = Findings()
    reads = [each for each in history if isinstance(each, Read)]
    writes = [each for each in history if isinstance(each, Write)]
    loads = [each for each in history if isinstance(each, Load)]
    findings.failures = [each for each in history if isinstance(each, Failure)]
    findings.reads, findings.writes, findings.loads = len(reads), len(writes), len(loads)
    findings.stale = sum(read.stale for read in reads)
    findings.all_reads, findings.all_loads = reads, loads
    findings.all_runs = [each for each in history if isinstance(each, Run)]
    check_i1(findings, reads, writes, by_clock, by_log)
    check_transactions(findings, reads, [each for each in history if isinstance(each, Inside)])
    if one_load:
        check_i2(findings, "load", loads, writes, lambda load: load.row)
    if one_run:
        check_i2(findings, "run of a page", findings.all_runs, writes, lambda run: (run.row, run.kind))
    if by_clock:
        check_i3(findings, reads, longest)
    if no_errors:
        check_i11(findings)
    if lapsed_after is not None:
        check_i12(findings, loads, reads, lapsed_after)
    return findings


def check_i1(findings: Findings, reads: list[Read], writes: list[Write], by_clock: bool, by_log: bool) -> None:
    withdrawn = [write for write in writes if write.kind == WITHDRAW]
    hard = [*withdrawn, *(write for write in writes if write.kind == "invalidate")]
    rules = {
        "I1 in the own process, taken down": (staircases(hard, by_process), False),
        "I1 in the own process, stale as fresh": (staircases(writes, by_process), True),
    }
    if by_log:
        rules["I1 by the log, taken down"] = (staircases(hard, by_position), False)
        rules["I1 by the log, stale as fresh"] = (staircases(writes, by_position), True)
    if by_clock:
        rules["I1 a second later, stale as fresh"] = (staircases(writes, by_time), True)
        elsewhere = [write for write in writes if write.kind == "elsewhere"]
        rules["I1 written elsewhere, taken down"] = (staircases(elsewhere, by_end), False)
    # Only a withdrawal takes down a thing that is shown in passing.
    in_passing = rules | {"I1 in the own process, taken down": (staircases(withdrawn, by_process), False)}
    if by_log:
        in_passing["I1 by the log, taken down"] = (staircases(withdrawn, by_position), False)
    for read in reads:
        for name, (stairs, only_fresh) in (in_passing if read.by == IN_PASSING else rules).items():
            if only_fresh and read.stale:
                continue
            required = required_value(name, stairs, read)
            if read.value < required:
                findings.add(
                    name, f"row {read.row}: {read.value} by {read.by}, where {required} was announced; {read}"
                )


def required_value(name: str, stairs: dict[Any, Staircase], read: Read) -> int:
    if "by the log" in name:
        return stairs[read.row].up_to(read.tail) if read.row in stairs else -1
    if "own process" in name:
        own = (read.row, read.process)
        return stairs[own].up_to(read.began) if own in stairs else -1
    if "elsewhere" in name:
        return stairs[read.row].up_to(read.began - SILENCE - SLACK - RELAYED) if read.row in stairs else -1
    return stairs[read.row].up_to(read.began - SILENCE - SLACK) if read.row in stairs else -1


def staircases(writes: list[Write], step: Callable[[Write], tuple[Any, Any] | None]) -> dict[Any, Staircase]:
    steps: dict[Any, list[tuple[Any, int]]] = defaultdict(list)
    for write in writes:
        found = step(write)
        if found is not None:
            key, place = found
            steps[key].append((place, write.value))
    return {key: Staircase(some) for key, some in steps.items()}


def by_position(write: Write) -> tuple[Any, Any] | None:
    return None if write.position is None else (write.row, write.position)


def by_process(write: Write) -> tuple[Any, Any]:
    return (write.row, write.process), write.ended


def by_end(write: Write) -> tuple[Any, Any]:
    return write.row, write.ended


def by_time(write: Write) -> tuple[Any, Any] | None:
    return None if write.position is None else (write.row, write.ended)


def check_i2(
    findings: Findings,
    what: str,
    loads: Sequence[Load | Run],
    writes: list[Write],
    key: Callable[[Any], Any],
) -> None:
    """Loads of a key that overlap, with nothing announced in the course of the first."""
    announced: dict[int, list[float]] = defaultdict(list)
    for write in writes:
        announced[write.row].append(write.ended)
    for times in announced.values():
        times.sort()
    by_key: dict[Any, list[Load | Run]] = defaultdict(list)
    for load in loads:
        by_key[key(load)].append(load)
    for some in by_key.values():
        some.sort(key=lambda load: load.began)
        for first, second in pairwise(some):
            if second.began < first.ended and not is_overtaken(announced[first.row], first):
                findings.add(f"I2 one {what} at a time", f"row {first.row}: {first} and {second}")


def is_overtaken(times: list[float], load: Load | Run) -> bool:
    """Announced while it ran, or so shortly before that its process may have learned of it while it ran."""
    index = bisect_right(times, load.began - SLACK)
    return index < len(times) and times[index] <= load.ended + SLACK


def check_i3(findings: Findings, reads: list[Read], longest: float) -> None:
    for read in reads:
        age = read.began - read.made_at
        # A page bounds no time of what it shows in passing, which may have been as old when the page was made.
        if age > (2 * longest if read.by == IN_PASSING else longest) + SLACK:
            findings.add("I3 nothing past its stale time", f"row {read.row}: {age:.2f} s old; {read}")


def check_transactions(findings: Findings, reads: list[Read], inside: list[Inside]) -> None:
    for each in inside:
        if each.saw != each.wrote:
            findings.add("I1 in a transaction, its own write", f"{each}")
    for read in reads:
        if read.value >= UNCOMMITTED:
            findings.add("I1 nothing uncommitted", f"{read}")


def check_i11(findings: Findings) -> None:
    for failure in findings.failures:
        if failure.what.startswith("read"):
            findings.add("I11 nobody else's load", f"{failure}")


def check_i12(findings: Findings, loads: list[Load], reads: list[Read], lapsed_after: float) -> None:
    """Only its own process sees what a replaced holder of a lease has loaded."""
    by_row: dict[int, list[Load]] = defaultdict(list)
    for load in loads:
        by_row[load.row].append(load)
    replaced = {
        (load.row, load.ended): load.process
        for some in by_row.values()
        for load in some
        if load.ended - load.began > lapsed_after
        and any(
            other.process != load.process and load.began + lapsed_after < other.began < load.ended for other in some
        )
    }
    for read in reads:
        process = replaced.get((read.row, read.made_at))
        if process is not None and process != read.process:
            findings.add("I12 a replaced holder stores nothing", f"{read}")
