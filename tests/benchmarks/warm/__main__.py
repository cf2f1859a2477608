"""`make bench ONLY=warm`: how many readers wait for a load while somebody edits, beside other caches.

python -m tests.benchmarks.warm [--seconds N] [--rounds N] [--rate R] [--cold] [--only NAME ...] [--posts N]
                                [--withdrawals N] [--lifetime N] [--plot FILE]

Each contender has a server process, an editor and a Redis of its own, and a copy of one SQLite file; one of ours has
a worker as well. Readers ask at a fixed rate for addresses that are drawn by Zipf's law, the same for all. An edit a
second, of any post. Afterwards a post is withdrawn every ten seconds as well, and these readers are counted apart.
All posts have views, so that rankings are full and every edit changes a page that others show. With workers, what
warming has returned is printed as well, beside a replay of all reads.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.contender import ROOT, Absent
from tests.benchmarks.readers import read_at_rate
from tests.benchmarks.rounds import console
from tests.benchmarks.site.paths import draw_paths
from tests.benchmarks.waits import by_second
from tests.benchmarks.warm.contenders import CONTENDERS, Contender, running
from tests.benchmarks.warm.newcomer import measure_newcomer
from tests.benchmarks.warm.plot import write_plot
from tests.benchmarks.warm.returned import compare, measure_return, table_of_return
from tests.benchmarks.warm.runs import Course, run
from tests.benchmarks.warm.static_file import static_file
from tests.benchmarks.warm.tables import table_of_pages, table_of_waits
from tests.benchmarks.warm_site import make_content

SECONDS, WITHDRAWALS, ROUNDS, RATE, POSTS, LIFETIME = 30, 20, 1, 200, 500, 300
PLOT = ROOT / ".state" / "warm.svg"
# Seconds of readers before those who count.
LEAD = 2


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        original = Path(folder) / "site"
        paths = make_content(original, options.posts)
        try:
            static_port = stack.enter_context(static_file())
        except Absent as reason:
            static_port = None
            console.print(f"Without a static file beside: {reason}.")
        console.print(
            f"{len(paths):,} addresses, {options.rate} requests a second for {options.rounds} x {options.seconds} s, "
            f"an edit a second, nothing fresh for longer than {options.lifetime} s; "
            f"{'Redis is emptied' if options.cold else 'all warm'} at the beginning.\n"
        )
        benchmark = Benchmark(original, Path(folder), paths, options, static_port)
        courses = benchmark.measure([CONTENDERS[name] for name in options.only])
    console.print(table_of_waits(courses, benchmark.drawn))
    console.print()
    console.print(table_of_pages(courses))
    write_plot({name: by_second(course.reads) for name, course in courses.items()}, options.plot)
    console.print(f"\nThe course of the runs is drawn in {options.plot}.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.warm")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of a run (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="in which all take turns (default %(default)s)")
    parser.add_argument("--rate", type=int, default=RATE, help="requests a second (default %(default)s)")
    parser.add_argument("--posts", type=int, default=POSTS, help="of the site (default %(default)s)")
    parser.add_argument("--lifetime", type=int, default=LIFETIME, help="of pages, at most (default %(default)s)")
    parser.add_argument(
        "--withdrawals",
        type=int,
        default=WITHDRAWALS,
        help="seconds of withdrawals after a run (%(default)s)",
    )
    parser.add_argument("--cold", action="store_true", help="empty Redis when the readers come")
    parser.add_argument("--only", nargs="+", choices=[*CONTENDERS], default=[*CONTENDERS], help="some contenders")
    parser.add_argument("--plot", type=Path, default=PLOT, help="an SVG (default .state/warm.svg)")
    return parser.parse_args()


class Benchmark:
    """Runs of the contenders on copies of one site."""

    def __init__(
        self, original: Path, folder: Path, paths: list[str], options: argparse.Namespace, static_port: int | None
    ) -> None:
        self.original = original
        self.folder = folder
        self.paths = paths
        self.options = options
        self.static_port = static_port
        self.drawn = draw_paths(paths, options.rate * options.seconds * options.rounds)

    def measure(self, contenders: Sequence[Contender]) -> dict[str, Course]:
        """Each round begins with another contender: what slows the machine slows them all."""
        courses = {contender.title: Course() for contender in contenders}
        for number in range(self.options.rounds):
            first = number % len(contenders)
            for contender in [*contenders[first:], *contenders[:first]]:
                courses[contender.title].add(self.run(contender, number))
        return courses

    def run(self, contender: Contender, number: int) -> Course:
        requests = self.options.rate * self.options.seconds
        drawn = self.drawn[number * requests : (number + 1) * requests]
        state_dir = self.folder / f"{contender.title}-{number}".replace(" ", "-")
        with running(contender, self.original, state_dir, self.paths, self.options.lifetime) as site:
            # A new process imports modules with its first requests.
            lead = asyncio.run(read_at_rate(site.service.port, drawn[: LEAD * self.options.rate], self.options.rate))
            if self.options.cold:
                with site.redis.client() as client:
                    client.flushall()
            course = run(site, drawn, self.options.rate, self.static_port, self.options.withdrawals)
            if contender.has_worker and not self.options.cold:
                reads = [*lead, *course.reads, *course.beside_withdrawals, *course.edited]
                pages, replayed, everything = measure_return(site.environment, reads, site.versions)
                console.print(table_of_return(pages, replayed, everything))
                console.print(f"{compare(pages, replayed)} {len(reads):,} reads.\n")
            if self.options.cold and contender.has_worker:
                console.print(measure_newcomer(site, drawn, self.options.rate))
        return course


if __name__ == "__main__":
    main()
