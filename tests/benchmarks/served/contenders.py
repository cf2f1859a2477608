"""The contenders by name, and how each is started."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec

from tests.benchmarks.contender import Absent, Contender, uvicorn_with
from tests.benchmarks.cores import FOR_THE_LOAD
from tests.benchmarks.served.proxies import h2o, nginx, varnish
from tests.support.servers.redis import running_redis

PROTOCOL = "content.caching.edge.protocol"
CACHED = "tests.benchmarks.served.origin:cached"

OURS = "EdgeProtocol"
PLAIN = "EdgeCache, plain ASGI"
EMPTY = "an empty ASGI app"
CACHE_PAGE = "cache_page"
BARE_CACHE_PAGE = "cache_page, no middleware"


@contextmanager
def edge_protocol() -> Iterator[Contender]:
    if find_spec(PROTOCOL) is None:
        raise Absent(f"there is no {PROTOCOL}")
    with uvicorn_with(OURS, CACHED, http=f"{PROTOCOL}:EdgeProtocol") as server:
        yield server


def plain() -> AbstractContextManager[Contender]:
    return uvicorn_with(PLAIN, CACHED)


def empty() -> AbstractContextManager[Contender]:
    return uvicorn_with(EMPTY, "tests.benchmarks.served.origin:empty")


def cache_page() -> AbstractContextManager[Contender]:
    return django_page(CACHE_PAGE, "stock")


def bare_cache_page() -> AbstractContextManager[Contender]:
    return django_page(BARE_CACHE_PAGE, "none")


@contextmanager
def django_page(name: str, middleware: str) -> Iterator[Contender]:
    """Its Redis takes its time on the core of the load, and none of the server's."""
    with running_redis() as redis:
        os.sched_setaffinity(redis.process.pid, {FOR_THE_LOAD})
        environment = {"REDIS_URL": redis.url, "MIDDLEWARE": middleware}
        with uvicorn_with(name, "tests.benchmarks.served.cache_page:application", environment=environment) as server:
            yield server


MAKERS: dict[str, Callable[[], AbstractContextManager[Contender]]] = {
    OURS: edge_protocol,
    PLAIN: plain,
    EMPTY: empty,
    "nginx": nginx,
    "Varnish": varnish,
    "h2o": h2o,
    CACHE_PAGE: cache_page,
    BARE_CACHE_PAGE: bare_cache_page,
}
