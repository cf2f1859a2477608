"""python -m tests.benchmarks.fleet edits|upgrade|faults [--rate R] [--posts N] [--seconds N] [--only X] [--sentinel]

A fleet (docs/fleet.md) under readers who choose pages by Zipf, over TLS, and an edit a second.
"""

import argparse
import json
import os
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.fleet.edits import Edits, running_editor
from tests.benchmarks.fleet.faults import Course
from tests.benchmarks.fleet.readers import Crowd, in_thread
from tests.benchmarks.fleet.upgrade import PageLoads, Upgrade, make_next_release
from tests.benchmarks.rounds import console
from tests.benchmarks.site.paths import draw_paths
from tests.benchmarks.tables import new_table
from tests.benchmarks.warm_site import FILL, LIST, wait_until_warm
from tests.support.fleet import RunningFleet, fleet_folder, running_fleet
from tests.support.service import run_python

RATE, POSTS, SECONDS = 100.0, 200, 30.0
# Readers who make pages hot before those who count.
LEAD = 15.0
# HTML alone: other files do not show which release made them. Later pages of lists may end while edits reorder them.
OTHER = ("?", ".xml", ".txt", ".json", ".ico", "/media/", "/api/")


def main() -> None:
    options = arguments()
    console.print(f"Load average before: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores.")
    fleet_options = ["--posts", str(options.posts), "--workers", str(options.workers)]
    with ExitStack() as stack:
        fleet = stack.enter_context(running_fleet(*fleet_options, *(["--sentinel"] if options.sentinel else [])))
        paths = list_pages(fleet)
        console.print(f"{len(paths):,} addresses, {options.rate:g} requests a second.")
        editor = stack.enter_context(running_editor(fleet))
        crowd, edits = Crowd(fleet, draw_paths(paths), options.rate), Edits(fleet, editor)
        with in_thread(crowd.run, lambda: setattr(crowd, "is_over", True)), in_thread(edits.run, edits.ended.set):
            edits.ended.wait(LEAD)
            crowd.readings.clear()
            edits.seen.clear()
            run(options, fleet, crowd, edits)
    console.print(f"Load average after: {os.getloadavg()[0]:.1f}.")


def run(options: argparse.Namespace, fleet: RunningFleet, crowd: Crowd, edits: Edits) -> None:
    if options.what == "edits":
        edits.ended.wait(options.seconds)
        report_edits(edits)
    elif options.what == "faults":
        course = Course(fleet, crowd, edits, options.seconds, hold=options.hold, only=options.only)
        course.run()
        console.print(course.table(), *course.verdicts(), sep="\n")
    else:
        with fleet_folder() as folder:
            loads, source = PageLoads(fleet), make_next_release(Path(folder) / "next")
            with in_thread(loads.run, loads.ended.set):
                upgrade = Upgrade(fleet, crowd, loads, source, options.seconds)
                upgrade.run()
            console.print(upgrade.table(), *upgrade.verdicts(), sep="\n")


def report_edits(edits: Edits) -> None:
    table = new_table(("seen", "edits", "p50 s", "p99 s", "longest s"))
    seen = [each for each in edits.seen if not each.error]
    columns = {
        "by the other web host": sorted(each.by_other for each in seen),
        "through nginx and Varnish": sorted(each.by_proxies for each in seen),
    }
    for name, values in columns.items():
        at = [values[int(share * (len(values) - 1))] for share in (0.5, 0.99, 1.0)]
        table.add_row(name, f"{len(values)}", *(f"{value:.3f}" for value in at))
    console.print(table)


def list_pages(fleet: RunningFleet) -> list[str]:
    """Of a site that is warm."""
    environment = fleet.environment | {"DJANGO_SETTINGS_MODULE": "project.settings"}
    run_python(environment, "-c", FILL)
    paths: list[str] = json.loads(run_python(environment, "-c", LIST))
    wait_until_warm(environment)
    return [path for path in paths if not any(part in path for part in OTHER)]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fleet")
    parser.add_argument("what", choices=("edits", "upgrade", "faults"))
    parser.add_argument("--rate", type=float, default=RATE, help="requests a second (default %(default)s)")
    parser.add_argument("--posts", type=int, default=POSTS, help="of the site (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="web processes of a host (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each phase (default %(default)s)")
    parser.add_argument("--hold", type=float, default=5.0, help="seconds that a part stays stopped")
    parser.add_argument("--only", default="", help="faults whose names match: 'web|postgres'")
    parser.add_argument("--sentinel", action="store_true", help="with a replica and three sentinels")
    return parser.parse_args()


if __name__ == "__main__":
    main()
