"""To the next release and back, under readers and edits: failed requests, hits, and the release of each page."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from rich.table import Table

from tests.benchmarks.fleet.readers import Crowd, Reading, in_thread
from tests.benchmarks.tables import new_table
from tests.support.fleet import RunningFleet, fleet_folder
from tests.support.releases import make_release

HITS = 0.95
# Pages that somebody waited for while they were made.
LOADS = ("miss", "joined")
# Seconds that nginx serves what it stored before Varnish was purged.
STORED = 2.0
MIGRATION = """from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("content", "{before}")]
    operations = [migrations.AddField("post", "mood", models.CharField(max_length=20, null=True))]
"""
# A column that pages show is watched, so triggers and tags differ too.
WATCHED = 'PAGE = [*CARD, "beginning", '
FIELD = "    source_path = models.CharField(max_length=500, blank=True, editable=False)\n"


def make_next_release(folder: Path) -> Path:
    """With another template, another tag function, a new field of documents, and a migration with a new column."""
    folder.mkdir()
    make_release(folder)
    migrations = folder / "content/migrations"
    before = max(file.stem for file in migrations.glob("0*.py"))
    (migrations / f"{int(before[:4]) + 1:04}_mood.py").write_text(MIGRATION.format(before=before))
    model = folder / "content/models/post.py"
    text = model.read_text()
    assert FIELD in text
    model.write_text(text.replace(FIELD, FIELD + "    mood = models.CharField(max_length=20, null=True)\n"))
    declarations = folder / "content/invalidation.py"
    text = declarations.read_text()
    assert WATCHED in text
    declarations.write_text(text.replace(WATCHED, WATCHED + '"mood", '))
    return folder


@dataclass
class PageLoads:
    """Requests of each second for which a page was made, by the counters of both web hosts."""

    fleet: RunningFleet
    samples: list[tuple[float, float]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with httpx.Client(timeout=5) as client:
            while not self.ended.wait(1.0):
                try:
                    self.samples.append((time.time(), sum(self.count(client, name) for name in ("web1", "web2"))))
                except httpx.HTTPError:
                    continue

    def count(self, client: httpx.Client, name: str) -> float:
        fields = {"Host": self.fleet.url.partition("://")[2], "X-Forwarded-Proto": "https"}
        text = (
            client.get(f"http://127.0.0.1:{self.fleet.port_of(name)}/metrics", headers=fields).raise_for_status().text
        )
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "evergreen_requests_total" and sample.labels["cache"] in LOADS
        )

    def by_second(self) -> Iterator[tuple[float, float, float]]:
        """Beginning, end, and how many in a second at most: all of a longer time count as of one second in it."""
        most = 0.0
        for (began, before), (ended, after) in zip(self.samples, self.samples[1:], strict=False):
            # A host that hands its counts from one process to the next may show fewer for a moment.
            most = max(most, before)
            yield began, ended, max(0.0, after - most) * max(1.0, ended - began)

    @property
    def lost(self) -> float:
        """How many counts never came back: hits would look better than they were."""
        counts = [count for _, count in self.samples]
        return max(counts, default=0.0) - counts[-1] if counts else 0.0


@contextmanager
def run_upgrade(fleet: RunningFleet, crowd: Crowd, seconds: float) -> Iterator["Upgrade"]:
    """After the upgrade and the way back, with that many seconds before, between and after."""
    with fleet_folder() as folder:
        loads, source = PageLoads(fleet), make_next_release(Path(folder) / "next")
        upgrade = Upgrade(fleet, crowd, loads, source, seconds)
        with in_thread(loads.run, loads.ended.set):
            upgrade.run()
        yield upgrade


class Upgrade:
    def __init__(self, fleet: RunningFleet, crowd: Crowd, loads: PageLoads, source: Path, seconds: float) -> None:
        self.fleet = fleet
        self.crowd = crowd
        self.loads = loads
        self.source = source
        self.seconds = seconds
        self.steps: list[tuple[str, float]] = []

    def run(self) -> None:
        self.note("N alone")
        time.sleep(self.seconds)
        self.note_all("N+1", self.fleet.order("upgrade", str(self.source)))
        time.sleep(self.seconds)
        self.note_all("N", self.fleet.order("roll-back", "1"))
        time.sleep(self.seconds)
        self.note("end")

    def note(self, name: str) -> None:
        self.steps.append((name, time.time()))

    def note_all(self, release: str, began: dict[str, float]) -> None:
        self.steps += [(f"{release}: {step}", at) for step, at in began.items()]

    def table(self) -> Table:
        table = new_table(("step", "from s", "readers", "errors", "least hits", "longest s", "pages of N", "of N+1"))
        start = self.steps[0][1]
        for (name, began), (_, ended) in zip(self.steps, self.steps[1:], strict=False):
            readings = self.between(began, ended)
            pages = [each for each in readings if each.status == 200]
            table.add_row(
                name,
                f"{began - start:.1f}",
                f"{len(readings):,}",
                f"{sum(each.is_error for each in readings):,}",
                f"{min((share for at, share in self.hits() if began <= at < ended), default=1.0):.1%}",
                f"{max((each.took for each in readings), default=0):.2f}",
                f"{sum(not each.is_new for each in pages):,}",
                f"{sum(each.is_new for each in pages):,}",
            )
        return table

    def between(self, began: float, ended: float) -> list[Reading]:
        return [each for each in self.crowd.readings if began <= each.due < ended]

    def hits(self) -> Iterator[tuple[float, float]]:
        for began, ended, loads in self.loads.by_second():
            if readings := self.between(began, ended):
                yield began, max(0.0, 1 - loads / len(readings))

    def wrong(self) -> list[tuple[Reading, float]]:
        """HTML pages of the other release, where only one may serve, and the seconds since it began to."""
        names = dict(self.steps)
        alone = [
            (names["N alone"], names["N+1: unpack"], False),
            (names["N+1: done"] + STORED, names["N: warm"], True),
            (names["N: done"] + STORED, names["end"], False),
        ]
        return [
            (each, each.due - began)
            for began, ended, expected in alone
            for each in self.between(began, ended)
            if each.status == 200 and each.is_new is not expected
        ]

    @property
    def errors(self) -> list[Reading]:
        return [each for each in self.crowd.readings if each.is_error]

    @property
    def least_hits(self) -> float:
        """The share of the worst second."""
        return min((share for _, share in self.hits()), default=1.0)

    def verdicts(self) -> Iterator[str]:
        errors, least = self.errors, self.least_hits
        yield describe(not errors, f"{len(errors)} failed requests of {len(self.crowd.readings):,}")
        for each in errors[:5]:
            yield f"     {each.path}: {each.why or each.status} at {each.due - self.steps[0][1]:.1f} s"
        yield describe(least >= HITS, f"{least:.1%} hits in the worst second (at least {HITS:.0%})")
        yield describe(not self.loads.lost, f"{self.loads.lost:g} counts lost")
        wrong = self.wrong()
        yield describe(not wrong, f"{len(wrong)} pages of the other release where one serves alone")
        for each, after in wrong[:5]:
            yield f"     {each.path}: {STORED + after:.2f} s after the purge, in {each.took:.3f} s"


def describe(is_kept: bool, text: str) -> str:
    return f"{'yes' if is_kept else 'NO'}: {text}"
