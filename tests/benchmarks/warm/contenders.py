"""The contenders, and how each runs: a copy of the site, a Redis, a server, and for one of them a worker."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.site.editing import Editor, editor
from tests.benchmarks.warm.readers import read_pages
from tests.support.servers.process import free_port, stop
from tests.support.servers.redis import RedisServer, running_redis
from tests.support.service import ROOT, Service, environment_of, manage_each, run_python, running_service

SETTINGS = "tests.benchmarks.warm.settings"
WARM_SECONDS = 120.0
# The share of the site that is warm before the readers come.
WARM = 0.99
FILL = """
import django
django.setup()
from content.models import Post, PostViews
posts = Post.objects.order_by("pk")
PostViews.objects.bulk_create(PostViews(post=post, total=1, heat=place) for place, post in enumerate(posts))
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
import asyncio, django, json, msgspec
django.setup()
from content.warming.state import read_state
state = asyncio.run(read_state())
print(json.dumps(None if state is None else msgspec.structs.asdict(state)))
"""


@dataclass(frozen=True)
class Contender:
    title: str
    settings: str
    has_worker: bool = False
    is_ours: bool = False


CONTENDERS = {
    "workers": Contender("with workers", "ours", has_worker=True, is_ours=True),
    "none": Contender("without workers", "ours", is_ours=True),
    "cache_page": Contender("cache_page", "cache_page"),
    "cacheops": Contender("cacheops", "cacheops"),
}


@dataclass(frozen=True)
class Site:
    """A contender that serves, all warm. `own`: its environment beside that of the state folder."""

    contender: Contender
    service: Service
    redis: RedisServer
    editor: Editor
    own: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        return environment_of(self.service.state_dir) | self.own


def make_content(state_dir: Path, posts: int) -> list[str]:
    """A site of so many posts, which all have views; the paths of all its addresses, most useful first."""
    state_dir.mkdir()
    environment = environment_of(state_dir) | {"CACHE_URL": "locmem://making", "SECRET_KEY": "for a benchmark"}
    settings = environment | {"DJANGO_SETTINGS_MODULE": "project.settings"}
    manage_each(environment, ["migrate", "-v0"], ["generate_content", "--posts", str(posts)])
    run_python(settings, "-c", FILL)
    return json.loads(run_python(settings | {"EVERGREEN_WARM_ORIGINS": "http://site"}, "-c", LIST))


@contextmanager
def running(
    contender: Contender, original: Path, state_dir: Path, paths: Sequence[str], lifetime: int
) -> Iterator[Site]:
    """On a copy of that site. `lifetime`: seconds that no page and no document outlives."""
    subprocess.run(["cp", "-r", original, state_dir], check=True)
    port = free_port()
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis())
        own = own_environment(contender, redis.url, port, lifetime)
        environment = environment_of(state_dir) | own
        if contender.has_worker:
            stack.enter_context(worker(environment))
            wait_until_warm(environment)
        elif contender.is_ours:
            run_python(environment, "manage.py", "warm_cache", "--all", "-v0")
        service = stack.enter_context(running_service(state_dir, command="serve", environment=own, port=port))
        service.wait_for_line("Serving on")
        if not contender.is_ours:
            for _ in read_pages(port, paths):
                pass
        yield Site(contender, service, redis, stack.enter_context(editor(environment)), own)


def own_environment(contender: Contender, redis_url: str, port: int, lifetime: int) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": f"{SETTINGS}.{contender.settings}",
        "BENCH_LIFETIME": str(lifetime),
        "REDIS_URL": redis_url,
        "SECRET_KEY": "for a benchmark",
        "EVERGREEN_WARM_ORIGINS": f"http://127.0.0.1:{port}",
        "EVERGREEN_LOG_LEVEL": "WARNING",
        "EVERGREEN_RELEASE": "bench",
        # Checks of entries would load too.
        "EVERGREEN_VERIFY": "false",
        # All readers come from one address.
        "EVERGREEN_API_A_MINUTE": "0",
    }


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "workers", "--quiet", "worker", "--concurrency", "1"]
    with open(os.devnull, "w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield
    finally:
        stop(process)


def wait_until_warm(environment: dict[str, str]) -> None:
    """Ask seldom: each question starts a process, and takes time from the worker."""
    deadline = time.monotonic() + WARM_SECONDS
    while time.monotonic() < deadline:
        time.sleep(3)
        state = json.loads(run_python(environment, "-c", STATE))
        if state is not None and state["pass_seconds"] is not None and state["site_warm"] >= WARM * state["site"]:
            return
    raise AssertionError(
        f"The site is not warm after {WARM_SECONDS:g} s. Give fewer --posts, or a longer --lifetime."
    )
