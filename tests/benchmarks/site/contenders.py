"""The site three times, each with a database and a Redis of its own: as it is, with cache_page, with cacheops."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.contender import Contender, port_of_its_own, start, uvicorn_with
from tests.benchmarks.cores import FOR_THE_LOAD
from tests.benchmarks.site.editing import Editor, editor
from tests.support.servers.redis import running_redis

OURS = "evergreen"
CACHE_PAGE = "cache_page(300)"
CACHEOPS = "cacheops"

SETTINGS = {
    OURS: "project.settings",
    CACHE_PAGE: "tests.benchmarks.site.cache_page_settings",
    CACHEOPS: "tests.benchmarks.site.cacheops_settings",
}


@dataclass(frozen=True)
class Site:
    """A server and who edits its posts."""

    server: Contender
    editor: Editor


@contextmanager
def running_sites(state: Path) -> Iterator[dict[str, Site]]:
    """Each on a copy of that state folder."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(site_on(name, state)) for name in SETTINGS}


@contextmanager
def site_on(name: str, state: Path) -> Iterator[Site]:
    """One process on one core; its Redis on the other, with the load and the editor."""
    with running_redis() as redis:
        os.sched_setaffinity(redis.process.pid, {FOR_THE_LOAD})
        folder = state.with_name(f"{state.name}-{SETTINGS[name]}")
        shutil.copytree(state, folder)
        environment = {
            "DJANGO_SETTINGS_MODULE": SETTINGS[name],
            "EVERGREEN_STATE_DIR": str(folder),
            "REDIS_URL": redis.url,
        }
        try:
            with server(name, environment) as serving, editor(environment) as edits:
                yield Site(serving, edits)
        finally:
            shutil.rmtree(folder)


def server(name: str, environment: Mapping[str, str]) -> AbstractContextManager[Contender]:
    if name != OURS:
        return uvicorn_with(name, "project.asgi:application", environment=environment)
    port = port_of_its_own()
    return start(name, [sys.executable, "manage.py", "serve", "--port", port], port, environment=environment)
