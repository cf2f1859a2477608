"""The process that works on a run is killed. Another goes on within seconds, and its report is what is stored.

`pytest -m slow -s tests/faults/test_warm_run_faults.py` prints the delays.
"""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.service import ROOT
from tests.support.wait import wait_until
from tests.support.warming.runs import ReadBack, command, done, queue_run, read_back, read_row
from tests.support.warming.site import Site, running_site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# Seconds. Far more than it takes, for a busy machine.
BOUND = 120.0


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as site:
        # Slow enough to be killed in the middle.
        site.environment["EVERGREEN_WARM_RATE"] = "60"
        site.start_worker("worker 1")
        site.start_worker("worker 2")
        wait_until(lambda: bool(site.state()), "a worker owns the loop", BOUND)
        yield site


def newest_planned(site: Site) -> int:
    """The id of the newest run of a command whose targets are counted; 0 for none."""
    query = "SELECT max(id) FROM content_warmrun WHERE started_by LIKE '%@%' AND planned IS NOT NULL"
    with closing(sqlite3.connect(site.folder / "evergreen.sqlite3", timeout=20)) as database:
        return database.execute(query).fetchone()[0] or 0


def is_in_the_middle(site: Site, pk: int) -> bool:
    run = read_row(site, pk)
    return bool(run) and run["planned"] is not None and 0 < done(run) < run["planned"] and run["state"] == "running"


def wait_for_takeover(site: Site, pk: int, killed: str, name: str) -> None:
    killed_at = time.monotonic()
    wait_until(
        lambda: read_row(site, pk)["worker"] != killed and read_row(site, pk)["takeovers"] > 0,
        "it is taken over",
        BOUND,
    )
    taken_over = time.monotonic() - killed_at
    wait_until(lambda: read_row(site, pk)["state"] == "done", "it is done", BOUND)
    run = read_row(site, pk)
    print(f"\n{name}: taken over after {taken_over:.1f} s, {done(run)} of {run['planned']} done")
    assert (done(run), run["failed"], run["skipped"]) == (run["planned"], 0, 0)
    assert read_back(site) == ReadBack(run["planned"], run["planned"], [])


def test_the_worker_of_a_run_is_killed(site):
    site.empty()
    pk = queue_run(site)
    wait_until(lambda: is_in_the_middle(site, pk), "the run is in the middle", BOUND)
    worker = read_row(site, pk)["worker"]
    site.kill(site.worker_of(int(worker.rpartition(":")[2])))
    wait_for_takeover(site, pk, worker, "`kill -9` of the worker of a run")


def test_the_command_that_works_on_a_run_is_killed(site):
    site.empty()
    before = newest_planned(site)
    process = subprocess.Popen(
        command(site, "post", "comments", "page", "--processes", "1"),
        cwd=ROOT,
        env=site.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: newest_planned(site) > before, "it runs", BOUND)
    pk = newest_planned(site)
    worker = read_row(site, pk)["worker"]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert read_row(site, pk)["state"] == "running"
    killed_at = time.monotonic()
    wait_until(lambda: read_row(site, pk)["state"] == "done", "a worker has done the rest", BOUND)
    run = read_row(site, pk)
    print(f"\n`kill -9` of the command: done by a worker after {time.monotonic() - killed_at:.1f} s")
    assert (run["takeovers"], run["worker"] != worker, done(run)) == (1, True, run["planned"])
