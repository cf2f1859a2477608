"""The process that works on a run is killed. Another goes on within seconds, and its report is what is stored.

`pytest -m slow -s tests/faults/test_warm_run_faults.py` prints the delays.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.support.service import ROOT, run_python
from tests.support.wait import wait_until
from tests.support.warming.site import Site, running_site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# Seconds. Far more than it takes, for a busy machine.
BOUND = 120.0
COMMAND = (
    "import sys; from django.core.management import execute_from_command_line as run; run(['manage', *sys.argv[1:]])"
)
# How many of the catalogue are fresh, as a process finds them that has warmed nothing.
COUNT = """
import asyncio, django, json
django.setup()
from content.caching.engines import engine_of
from content.caching.headers import read_headers
from content.warming import catalogue
from content.warming.targets import plan_pages
async def count():
    keys = [str(t) async for chunk in catalogue() for t in [*chunk.entries, *await plan_pages(chunk.paths)]]
    stored = await read_headers(engine_of("default").tiers, keys)
    return len(keys), sum(each.fresh_for(engine_of("default").clock()) > 0 for each in stored.values())
print(json.dumps(asyncio.run(count())))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as site:
        # Slow enough to be killed in the middle.
        site.environment["EVERGREEN_WARM_RATE"] = "60"
        site.start_worker("worker 1")
        site.start_worker("worker 2")
        wait_until(lambda: bool(site.state()), "a worker owns the loop", BOUND)
        yield site


def command(site: Site, *words: str) -> list[str]:
    return [sys.executable, "-c", COMMAND, "warm_cache", *words]


def row(site: Site, pk: int) -> dict[str, Any]:
    with closing(sqlite3.connect(site.folder / "evergreen.sqlite3", timeout=20)) as database:
        database.row_factory = sqlite3.Row
        return dict(database.execute("SELECT * FROM content_warmrun WHERE id = ?", [pk]).fetchone() or {})


def newest_planned(site: Site) -> int:
    """The id of the newest run of a command whose targets are counted; 0 for none."""
    query = "SELECT max(id) FROM content_warmrun WHERE started_by LIKE '%@%' AND planned IS NOT NULL"
    with closing(sqlite3.connect(site.folder / "evergreen.sqlite3", timeout=20)) as database:
        return database.execute(query).fetchone()[0] or 0


def done(run: dict[str, Any]) -> int:
    return sum(run[name] for name in ("fresh", "warmed", "failed", "skipped")) if run else 0


def is_in_the_middle(site: Site, pk: int) -> bool:
    run = row(site, pk)
    return bool(run) and run["planned"] is not None and 0 < done(run) < run["planned"] and run["state"] == "running"


def wait_for_takeover(site: Site, pk: int, killed: str, name: str) -> None:
    killed_at = time.monotonic()
    wait_until(
        lambda: row(site, pk)["worker"] != killed and row(site, pk)["takeovers"] > 0, "it is taken over", BOUND
    )
    taken_over = time.monotonic() - killed_at
    wait_until(lambda: row(site, pk)["state"] == "done", "it is done", BOUND)
    run = row(site, pk)
    print(f"\n{name}: taken over after {taken_over:.1f} s, {done(run)} of {run['planned']} done")
    assert (done(run), run["failed"], run["skipped"]) == (run["planned"], 0, 0)
    assert json.loads(run_python(site.environment, "-c", COUNT)) == [run["planned"]] * 2


def test_the_worker_of_a_run_is_killed(site):
    site.empty()
    queued = subprocess.check_output(
        command(site, "--all", "--queue", "--json"), cwd=ROOT, env=site.environment, text=True
    )
    pk = json.loads(queued)["id"]
    wait_until(lambda: is_in_the_middle(site, pk), "the run is in the middle", BOUND)
    worker = row(site, pk)["worker"]
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
    worker = row(site, pk)["worker"]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert row(site, pk)["state"] == "running"
    killed_at = time.monotonic()
    wait_until(lambda: row(site, pk)["state"] == "done", "a worker has done the rest", BOUND)
    run = row(site, pk)
    print(f"\n`kill -9` of the command: done by a worker after {time.monotonic() - killed_at:.1f} s")
    assert (run["takeovers"], run["worker"] != worker, done(run)) == (1, True, run["planned"])
