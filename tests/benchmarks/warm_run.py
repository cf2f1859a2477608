"""`make bench ONLY=warm_run`: a large run of warming that is cancelled, resumed, and whose worker is killed.

python -m tests.benchmarks.warm_run [--targets N] [--rate N]

A site of generated posts, whose catalogue has at least that many entries and pages, and two workers. The run is
cancelled when a tenth is done, and resumed. At half its worker is killed by `kill -9`, and the other one goes on. In
the end a process that has warmed nothing counts what is fresh.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.rounds import console
from tests.benchmarks.tables import new_table
from tests.support.wait import wait_until
from tests.support.warming.runs import ReadBack, done, is_taken_over, queue_run, read_back, read_row, run_command
from tests.support.warming.site import Site, running_site

TARGETS, RATE = 100_000, 500
# A generated site has more than that for each post.
TARGETS_OF_A_POST = 8
# Shares of the run, after which it is cancelled, and its worker killed.
CANCEL_AT, KILL_AT = 0.1, 0.5
WORKERS = ("worker 1", "worker 2")
# Seconds: without a change for that long, nobody works on it; between two looks; and the most that a step may take.
QUIET, PAUSE, LONGEST = 4.0, 0.1, 3 * 3600.0


@dataclass
class Proof:
    """`steps`: what happened, the seconds that it took, and how many targets were done then."""

    steps: list[tuple[str, float, int]] = field(default_factory=list)
    run: dict[str, Any] = field(default_factory=dict)
    # The run as another command prints it, and what a third process finds.
    printed: dict[str, Any] = field(default_factory=dict)
    read_back: ReadBack = field(default_factory=lambda: ReadBack(0, 0, []))

    @property
    def is_equal(self) -> bool:
        """Whether all was warmed, and three processes say the same."""
        run, planned = self.run, self.run["planned"]
        counts = [done(run), run["fresh"] + run["warmed"], self.printed["done"], *self.read_back[:2]]
        return counts == [planned] * len(counts)


def main() -> None:
    options = arguments()
    posts = math.ceil(options.targets / TARGETS_OF_A_POST)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        console.print(f"Generating {posts:,} posts.")
        with running_site(Path(folder), posts, is_durable=False) as site:
            # The settings of tests note each load.
            site.environment["DJANGO_SETTINGS_MODULE"] = "project.settings"
            site.environment["EVERGREEN_WARM_RATE"] = str(options.rate)
            proof = prove(site)
    report(proof)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.warm_run")
    parser.add_argument("--targets", type=int, default=TARGETS, help="entries and pages, at least (%(default)s)")
    parser.add_argument("--rate", type=int, default=RATE, help="that workers load in a second (default %(default)s)")
    return parser.parse_args()


def prove(site: Site) -> Proof:
    proof, pk = Proof(), queue_run(site)

    def step(name: str, condition: Callable[[], object]) -> None:
        """Wait for it."""
        began = time.monotonic()
        wait_until(condition, name, LONGEST, pause=PAUSE)
        proof.steps.append((name, time.monotonic() - began, done(read_row(site, pk))))

    def row() -> dict[str, Any]:
        return read_row(site, pk)

    for name in WORKERS:
        site.start_worker(name)
    step("its targets are counted", lambda: row()["planned"] is not None)
    planned: int = row()["planned"]
    step(f"{CANCEL_AT:.0%} is done", lambda: done(row()) >= CANCEL_AT * planned)
    run_command(site, "--run", str(pk), "--cancel")
    assert row()["state"] == "cancelled"
    proof.steps.append(("cancelled: the last target", seconds_to_the_last(row), done(row())))
    before = done(row())
    run_command(site, "--run", str(pk), "--resume")
    step("resumed: the first target", lambda: done(row()) > before)
    step(f"{KILL_AT:.0%} is done", lambda: done(row()) >= KILL_AT * planned)
    worker, before = row()["worker"], done(row())
    site.kill(site.worker_of(int(worker.rpartition(":")[2])))
    step("killed: another worker has it", lambda: is_taken_over(site, pk, worker))
    step("and is further than the killed one", lambda: done(row()) > before)
    step("all is done", lambda: row()["state"] not in ("queued", "running"))
    proof.run, proof.printed = row(), json.loads(run_command(site, "--run", str(pk), "--json"))
    proof.read_back = read_back(site)
    return proof


def seconds_to_the_last(row: Callable[[], dict[str, Any]]) -> float:
    """Wait until nobody works on it any more. Returns after how long the last target was counted."""
    began = changed = time.monotonic()
    count = done(row())
    while time.monotonic() - changed < QUIET:
        time.sleep(PAUSE)
        if (now := done(row())) != count:
            count, changed = now, time.monotonic()
    return changed - began


def report(proof: Proof) -> None:
    run, table = proof.run, new_table(("seconds", "done", "of"))
    for name, seconds, count in proof.steps:
        table.add_row(name, f"{seconds:,.1f}", f"{count:,}", f"{run['planned']:,}")
    console.print(table)
    console.print(
        f"\nThe row of the run: {run['state']}, {done(run):,} of {run['planned']:,} done: {run['warmed']:,} warmed, "
        f"{run['fresh']:,} fresh already, {run['failed']:,} failed, {run['skipped']:,} skipped; "
        f"{run['takeovers']} takeovers, {run['queries']:,} queries, {run['seconds']:,.0f} s of work."
    )
    printed, back = proof.printed, proof.read_back
    console.print(f"`warm_cache --run {run['id']} --json`: {printed['done']:,} of {printed['planned']:,} done.")
    console.print(f"Read back by another process: {back.fresh:,} of {back.targets:,} entries and pages are fresh.")
    if back.cold:
        console.print(f"Not fresh any more, for example: {', '.join(back.cold)}")
    console.print("All are equal." if proof.is_equal else "They DIFFER.")


if __name__ == "__main__":
    main()
