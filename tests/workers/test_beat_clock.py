"""Beat sends each task at its interval, whatever the wall clock does."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from celery.beat import ScheduleEntry

from tests.support.beat import FakeRows
from workers import app, schedule
from workers.beat import JobScheduler
from workers.schedule import SCHEDULE

HOUR = timedelta(hours=1)
# Beat is simulated for so many seconds; the clock jumps, or the night has its change, in the middle.
SECONDS = 3 * 3600.0
NIGHTS = {
    "spring": datetime(2026, 3, 29, 1, tzinfo=UTC),
    "autumn": datetime(2026, 10, 25, 1, tzinfo=UTC),
}
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Clocks:
    """The monotonic clock and the wall clock of a machine, which is set by `jump` in the middle."""

    def __init__(self, middle: datetime, jump: timedelta) -> None:
        self.seconds = 0.0
        self.began = middle - timedelta(seconds=SECONDS / 2)
        self.jump = jump

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        jump = self.jump if self.seconds >= SECONDS / 2 else timedelta()
        return (self.began + timedelta(seconds=self.seconds) + jump).astimezone(ZoneInfo("Europe/Berlin"))


class SimulatedBeat(JobScheduler):
    """The scheduler, which notes the times at which it would send tasks."""

    producer = None

    def note_into(self, sent: dict[str, list[float]], clocks: Clocks) -> None:
        self.sent, self.clocks = sent, clocks

    def setup_schedule(self) -> None:
        self.merge_inplace(app.conf.beat_schedule)

    def apply_entry(self, entry: ScheduleEntry, producer: object = None) -> None:
        self.sent[entry.name].append(self.clocks.seconds)


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setattr(app.conf, "timezone", "Europe/Berlin")
    monkeypatch.setattr(app, "timezone", ZoneInfo("Europe/Berlin"))


def longest_gaps(monkeypatch: pytest.MonkeyPatch, clocks: Clocks) -> dict[str, tuple[float, float]]:
    """The shortest and the longest time between two sendings of each job."""
    monkeypatch.setattr(schedule.time, "monotonic", clocks.monotonic)
    monkeypatch.setattr(schedule, "BEGAN", 0.0)
    monkeypatch.setattr(schedule, "BEGAN_AT", clocks.now())
    monkeypatch.setattr(app, "now", clocks.now)
    beat = SimulatedBeat(app, max_interval=app.conf.beat_max_loop_interval, rows=FakeRows())
    sent = defaultdict[str, list[float]](list)
    beat.note_into(sent, clocks)
    while clocks.seconds < SECONDS:
        clocks.seconds += max(beat.tick(), 0.01)
    gaps = {name: [after - before for before, after in pairwise(times)] for name, times in sent.items()}
    return {name: (min(each), max(each)) for name, each in gaps.items()}


@pytest.mark.parametrize(
    ("middle", "jump"),
    [
        pytest.param(NIGHTS["spring"], timedelta(), id="the night with 23 hours"),
        pytest.param(NIGHTS["autumn"], timedelta(), id="the night with 25 hours"),
        pytest.param(NOON, HOUR, id="the clock is set forward"),
        pytest.param(NOON, -HOUR, id="the clock is set back"),
    ],
)
@pytest.mark.usefixtures("berlin")
def test_no_task_is_late_or_doubled(monkeypatch, middle, jump):
    gaps = longest_gaps(monkeypatch, Clocks(middle, jump))
    assert set(gaps) == {job.name for job in SCHEDULE}
    for job in SCHEDULE:
        every = job.every.total_seconds()
        shortest, longest = gaps[job.name]
        assert every - 1 <= shortest, job.name
        assert longest <= every + 2 * app.conf.beat_max_loop_interval, job.name
