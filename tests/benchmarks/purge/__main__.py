"""`make bench ONLY=purge`: how many readers wait after a soft purge of everything, and after a hard one.

python -m tests.benchmarks.purge [--rate R] [--seconds N] [--posts N] [--plot FILE]

Each purge has a run of its own: a copy of the site with full rankings, a server, a worker and a Redis, all warm.
Readers ask at a fixed rate for addresses that are drawn by Zipf's law. After some seconds `manage.py purge_cache
--all` runs, as an operator would run it. A process that takes no part reads how much is fresh.
"""

import argparse
import asyncio
import tempfile
import threading
import time
from pathlib import Path

from tests.benchmarks.contender import ROOT
from tests.benchmarks.purge.looks import looking
from tests.benchmarks.purge.report import Course, list_waits, table_of_purges, write_plot
from tests.benchmarks.readers import read_at_rate, without_collections
from tests.benchmarks.rounds import console
from tests.benchmarks.site.paths import draw_paths
from tests.benchmarks.warm.contenders import CONTENDERS, Site, running
from tests.benchmarks.warm_site import make_content
from tests.support.service import manage

RATE, SECONDS, POSTS = 200, 60, 500
PLOT = ROOT / ".state" / "purge.svg"
KINDS = ("soft", "hard")
# Seconds of readers who make the hot set, and of those that count before the command begins.
LEAD, BEFORE = 12, 10
# Longer than the run: nothing ends but by the purge.
LIFETIME = 3600
LOG = "{evergreen:log}"
# A tag of the purge's record.
TAG = b"resource:page"


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        original = Path(folder) / "site"
        paths = make_content(original, options.posts)
        console.print(
            f"{len(paths):,} addresses, {options.rate} requests a second; after {BEFORE} s everything is purged, and "
            f"the readers go on for {options.seconds} s.\n"
        )
        courses = {kind: measure(kind, original, Path(folder) / kind, paths, options) for kind in KINDS}
    console.print(table_of_purges(courses))
    for line in list_waits(courses["soft"]):
        console.print(f"Waited after the soft purge: {line}")
    write_plot(courses, options.plot)
    console.print(f"\nThe course of the runs is drawn in {options.plot}.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.purge")
    parser.add_argument("--rate", type=int, default=RATE, help="requests a second (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="after the purge (default %(default)s)")
    parser.add_argument("--posts", type=int, default=POSTS, help="of the site (default %(default)s)")
    parser.add_argument("--plot", type=Path, default=PLOT, help="an SVG (default .state/purge.svg)")
    return parser.parse_args()


def measure(kind: str, original: Path, state_dir: Path, paths: list[str], options: argparse.Namespace) -> Course:
    drawn = draw_paths(paths, options.rate * (LEAD + BEFORE + options.seconds))
    lead, counted = drawn[: options.rate * LEAD], drawn[options.rate * LEAD :]
    with running(CONTENDERS["workers"], original, state_dir, paths, LIFETIME) as site:
        port = site.service.port
        asyncio.run(read_at_rate(port, lead, options.rate))
        with looking(site.environment) as looks, without_collections():
            began = time.time()
            purging = threading.Timer(BEFORE, purge, [site, kind])
            purging.start()
            reads = asyncio.run(read_at_rate(port, counted, options.rate))
            purging.join()
        purged_at = find_purge(site, began)
    return Course(
        [read.later(began - purged_at) for read in reads], [look._replace(at=look.at - purged_at) for look in looks]
    )


def purge(site: Site, kind: str) -> None:
    manage(site.environment, "purge_cache", "--all", f"--{kind}", "--json")


def find_purge(site: Site, since: float) -> float:
    """When the log got its record, in Unix seconds by the clock of Redis, which is this machine's."""
    with site.redis.client() as client:
        for record_id, fields in client.xrange(LOG, min=f"{since * 1000:.0f}"):
            if any(TAG in value for value in fields.values()):
                return int(record_id.partition(b"-")[0]) / 1000
    raise AssertionError("The log has no record of the purge.")


if __name__ == "__main__":
    main()
