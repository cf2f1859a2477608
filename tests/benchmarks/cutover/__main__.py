"""`make bench ONLY=cutover`: readers while the next release is warmed and takes over, and while the old one returns.

python -m tests.benchmarks.cutover [--rate R] [--seconds N] [--posts N] [--still] [--plot FILE]

Release N and N+1 share a Redis and a database; N+1 has another template, a new field and another rule of tags, so
that it reads no page and no post of N. Each has a worker and two web processes. The client decides which of the two
gets a request, as a load balancer would. An edit a second, unless it is `--still`.
"""

import argparse
import tempfile
from pathlib import Path

from tests.benchmarks.contender import ROOT
from tests.benchmarks.cutover.course import PHASES, Cutover
from tests.benchmarks.cutover.releases import two_releases
from tests.benchmarks.cutover.report import Summary, write_plot
from tests.benchmarks.rounds import console
from tests.benchmarks.warm_site import make_content

RATE, SECONDS, POSTS = 1000, 30, 500
PLOT = ROOT / ".state" / "cutover.svg"


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        state_dir = Path(folder) / "site"
        paths = make_content(state_dir, options.posts)
        console.print(
            f"{len(paths):,} addresses, {options.rate:,} requests a second; "
            f"{'nobody edits' if options.still else 'an edit a second'}.\n"
        )
        with two_releases(state_dir, Path(folder) / "next") as releases:
            course = Cutover(releases, paths, options.rate, options.seconds, edits=not options.still).run()
    summary = Summary(course)
    console.print(summary.table())
    console.print(f"\n{course.prepared}")
    for verdict in summary.verdicts():
        console.print(verdict)
    write_plot(course, options.plot)
    phases = ", ".join(f"{number} {name}" for number, name in enumerate(PHASES, 1))
    console.print(f"\nThe course is drawn in {options.plot}: {phases}.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cutover")
    parser.add_argument("--rate", type=int, default=RATE, help="requests a second (default %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="of N alone, of N+1, and of N again (default %(default)s)"
    )
    parser.add_argument("--posts", type=int, default=POSTS, help="of the site (default %(default)s)")
    parser.add_argument("--still", action="store_true", help="nobody edits")
    parser.add_argument("--plot", type=Path, default=PLOT, help="an SVG (default .state/cutover.svg)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
