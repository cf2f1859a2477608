"""python -m tests.benchmarks.fleet edits|upgrade|faults|capacity [--rate R] [--posts N] [--seconds N] [--only X]

A fleet (docs/fleet.md) under readers who choose pages by Zipf, over TLS, and an edit a second.
"""

import argparse
import os

from tests.benchmarks.capacity.validation import validate
from tests.benchmarks.fleet.edits import Edits
from tests.benchmarks.fleet.faults import Course
from tests.benchmarks.fleet.readers import Crowd
from tests.benchmarks.fleet.traffic import read_fleet
from tests.benchmarks.fleet.upgrade import run_upgrade
from tests.benchmarks.rounds import console
from tests.benchmarks.tables import new_table
from tests.support.fleet import RunningFleet

RATE, POSTS, SECONDS = 100.0, 200, 30.0


def main() -> None:
    options = arguments()
    if options.what == "capacity":
        validate(options.posts, options.workers, options.seconds)
        return
    console.print(f"Load average before: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores.")
    fleet_options = ["--posts", str(options.posts), "--workers", str(options.workers)]
    with read_fleet(options.rate, *fleet_options, *(["--sentinel"] if options.sentinel else [])) as (
        fleet,
        crowd,
        edits,
    ):
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
        with run_upgrade(fleet, crowd, options.seconds) as upgrade:
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


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fleet")
    parser.add_argument("what", choices=("edits", "upgrade", "faults", "capacity"))
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
