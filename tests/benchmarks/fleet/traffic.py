"""A fleet with a warm site, under readers and an edit a second."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.fleet.edits import Edits, running_editor
from tests.benchmarks.fleet.readers import Crowd, in_thread
from tests.benchmarks.rounds import console
from tests.benchmarks.site.paths import draw_paths
from tests.benchmarks.warm_site import FILL, LIST, wait_until_warm
from tests.support.fleet import RunningFleet, running_fleet
from tests.support.service import run_python

# Seconds of readers who make pages hot before those who count.
LEAD = 15.0
# HTML alone: other files do not show which release made them. Later pages of lists may end while edits reorder them.
OTHER = ("?", ".xml", ".txt", ".json", ".ico", "/media/", "/api/")


@contextmanager
def read_fleet(rate: float, *options: str) -> Iterator[tuple[RunningFleet, Crowd, Edits]]:
    """`rate`: requests a second. `options`: of the fleet."""
    with running_fleet(*options) as fleet:
        paths = list_pages(fleet)
        console.print(f"{len(paths):,} addresses, {rate:g} requests a second.")
        with running_editor(fleet) as editor:
            crowd, edits = Crowd(fleet, draw_paths(paths), rate), Edits(fleet, editor)
            with in_thread(crowd.run, lambda: setattr(crowd, "is_over", True)), in_thread(edits.run, edits.ended.set):
                edits.ended.wait(LEAD)
                crowd.readings.clear()
                edits.seen.clear()
                yield fleet, crowd, edits


def list_pages(fleet: RunningFleet) -> list[str]:
    """The addresses of HTML pages, once the site is warm."""
    environment = fleet.environment | {"DJANGO_SETTINGS_MODULE": "project.settings"}
    run_python(environment, "-c", FILL)
    paths: list[str] = json.loads(run_python(environment, "-c", LIST))
    wait_until_warm(environment)
    return [path for path in paths if not any(part in path for part in OTHER)]
