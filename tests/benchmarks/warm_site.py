"""A site for benchmarks that begins warm: its content, a worker, and how to wait until the worker has warmed it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers.process import stop
from tests.support.service import ROOT, environment_of, manage_each, run_python

WARM_SECONDS = 120.0
# The share of the site that is warm before the readers come.
WARM = 0.99
# Views of all posts. Rankings that were cached before have none, and their further pages would be missing.
FILL = """
import asyncio, django
django.setup()
from content.caching import invalidate
from content.caching.key import resource_tag
from content.models import Post, PostViews
posts = Post.objects.order_by("pk")
PostViews.objects.bulk_create(PostViews(post=post, total=1, heat=place) for place, post in enumerate(posts))
asyncio.run(invalidate([resource_tag(name) for name in ("popular", "trending")]))
"""
LIST = """
import asyncio, django, json
django.setup()
from content.warming import catalogue
async def list_paths():
    return [path async for chunk in catalogue() for path in chunk.paths]
print(json.dumps(asyncio.run(list_paths())))
"""
STATE = """
import asyncio, django, msgspec
django.setup()
from content.warming.state import read_state
print(msgspec.json.encode(asyncio.run(read_state())).decode())
"""


def make_content(state_dir: Path, posts: int) -> list[str]:
    """A site of so many posts, which all have views; the paths of all its addresses, most useful first."""
    state_dir.mkdir()
    environment = environment_of(state_dir) | {"CACHE_URL": "locmem://making", "SECRET_KEY": "for a benchmark"}
    settings = environment | {"DJANGO_SETTINGS_MODULE": "project.settings"}
    manage_each(environment, ["migrate", "-v0"], ["generate_content", "--posts", str(posts)])
    run_python(settings, "-c", FILL)
    paths: list[str] = json.loads(run_python(settings | {"EVERGREEN_WARM_ORIGINS": "http://site"}, "-c", LIST))
    return paths


@contextmanager
def worker(environment: Mapping[str, str], root: Path = ROOT) -> Iterator[None]:
    """`root`: the folder of its release."""
    command = [sys.executable, "-m", "celery", "-A", "workers", "--quiet", "worker", "--concurrency", "1"]
    with open(os.devnull, "w") as log:
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield
    finally:
        stop(process)


def wait_until_warm(environment: dict[str, str], seconds: float = WARM_SECONDS) -> None:
    """Ask seldom: each question starts a process, and takes time from the worker."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(3)
        state = json.loads(run_python(environment, "-c", STATE))
        if state is not None and state["pass_seconds"] is not None and state["site_warm"] >= WARM * state["site"]:
            return
    raise AssertionError(f"The site is not warm after {seconds:g} s. Give fewer --posts, or a longer --lifetime.")
