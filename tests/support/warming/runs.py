"""Runs of warming: as an operator starts and steers them, as the database has them, as another process finds them."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import Any, NamedTuple

from tests.support.service import ROOT, run_python
from tests.support.warming.site import Site

COMMAND = (
    "import sys; from django.core.management import execute_from_command_line as run; run(['manage', *sys.argv[1:]])"
)
# How many of the catalogue are fresh, as a process finds them that has warmed nothing.
COUNT = """
import asyncio, django, json
django.setup()
from content.caching.engines import engine_of
from content.caching.headers import read_headers, wait_until_heard
from content.warming import catalogue
from content.warming.targets import plan_pages
async def count():
    engine = engine_of("default")
    await wait_until_heard(engine.tiers)
    keys = [str(t) async for chunk in catalogue() for t in [*chunk.entries, *await plan_pages(chunk.paths)]]
    stored, now = await read_headers(engine.tiers, keys), engine.clock()
    cold = [key for key in keys if key not in stored or not stored[key].fresh_for(now)]
    return len(keys), len(keys) - len(cold), cold[:5]
print(json.dumps(asyncio.run(count())))
"""


class ReadBack(NamedTuple):
    """`fresh` counts the fresh targets. `cold`: some of the others."""

    targets: int
    fresh: int
    cold: list[str]


def command(site: Site, *words: str) -> list[str]:
    return [sys.executable, "-c", COMMAND, "warm_cache", *words]


def run_command(site: Site, *words: str) -> str:
    """`manage.py warm_cache`, which must not fail."""
    return subprocess.check_output(command(site, *words), cwd=ROOT, env=site.environment, text=True)


def queue_run(site: Site) -> int:
    """A run of everything, for a worker. Returns its id."""
    return int(json.loads(run_command(site, "--all", "--queue", "--json"))["id"])


def read_row(site: Site, pk: int) -> dict[str, Any]:
    with closing(sqlite3.connect(site.folder / "evergreen.sqlite3", timeout=20)) as database:
        database.row_factory = sqlite3.Row
        return dict(database.execute("SELECT * FROM content_warmrun WHERE id = ?", [pk]).fetchone() or {})


def done(run: dict[str, Any]) -> int:
    return sum(run[name] for name in ("fresh", "warmed", "failed", "skipped")) if run else 0


def is_taken_over(site: Site, pk: int, worker: str) -> bool:
    """Whether another process than that worker has the run."""
    run = read_row(site, pk)
    return run["worker"] != worker and run["takeovers"] > 0


def read_back(site: Site) -> ReadBack:
    return ReadBack(*json.loads(run_python(site.environment, "-c", COUNT)))
