"""Fill a memory tier until it evicts, in a process of its own: bytes declared, counted, and resident.

python -m tests.support.fill_memory KIND MEGABYTES prints them as JSON.
"""

import asyncio
import contextlib
import gc
import json
import os
import random
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from msgspec import Struct

from content.caching import NotThere, Policy, Resource
from content.caching.edge import EdgeCache, Profile
from content.caching.engine import Engine
from content.caching.engines import engines, local_engine

MEGABYTE = 1024 * 1024


class Card(Struct, frozen=True):
    id: int
    title: str
    slug: str
    tags: tuple[str, ...]


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- what fills it ---------------------------------------------------------------------------------------------

Fill = Callable[[int], Awaitable[Any]]


def resource(make: Callable[[int], Any], kind: Any, tags: int) -> Fill:
    async def load(number: int) -> Any:
        return make(number)

    load.__annotations__["return"] = kind
    return Resource(
        "filled", load=load, policy=Policy(ttl=3600), tags=lambda number: [f"row:{number}:{i}" for i in range(tags)]
    ).get


def ids() -> Fill:
    return resource(lambda n: tuple(range(n * 1000, n * 1000 + 200)), tuple[int, ...], 3)


def cards() -> Fill:
    def make(n: int) -> tuple[Card, ...]:
        return tuple(Card(n * 100 + i, f"Title {n} {i}", f"slug-{n}-{i}", (f"t{i}", f"u{n}")) for i in range(20))

    return resource(make, tuple[Card, ...], 40)


def texts() -> Fill:
    return resource(lambda n: f"{n} " * 600, str, 3)


def numbers() -> Fill:
    return resource(lambda n: n, int, 1)


def absent() -> Fill:
    def make(n: int) -> int:
        raise NotThere(f"no {n}")

    return resource(make, int, 1)


def pages() -> Fill:
    """Pages of 8 kB in each coding, with 30 tags and the fields that Django sends."""
    words = [f"word{number}" for number in range(3000)]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = " ".join(random.choices(words, k=900)).encode()
        tags = ", ".join(f"tag:{scope['path']}:{number}" for number in range(30))
        headers = [
            (b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode()),
            (b"evergreen-cache-control", b"max-age=3600, stale-while-revalidate=600"), (b"cache-control", b"public"),
            (b"etag", f'"{scope["path"]}"'.encode()), (b"cache-tag", tags.encode()),
            (b"content-security-policy", b"default-src 'self'; " * 6),
        ]  # fmt: skip
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    edge = EdgeCache(app, cache="default", profile=Profile(codings=("br", "gzip")))

    async def fill(number: int) -> None:
        for coding in (b"", b"br", b"gzip", b"br"):
            headers = [(b"host", b"site"), (b"accept-encoding", coding)]
            path = f"/posts/{number}/"
            scope = {
                "type": "http", "method": "GET", "scheme": "http", "path": path, "raw_path": path.encode(),
                "query_string": b"", "headers": headers,
            }  # fmt: skip
            await edge(scope, _nothing, _ignore)
            while waiting := edge.engine.loop_state().tasks:
                await asyncio.wait(set(waiting))

    return fill


async def _nothing() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _ignore(message: Any) -> None:
    pass


KINDS = {each.__name__: each for each in (ids, cards, texts, numbers, absent, pages)}


# --- the measurement ---------------------------------------------------------------------------------------------


async def fill_until_evicting(engine: Engine, fill: Fill) -> tuple[int, int]:
    """Bytes counted, and bytes that the process has grown by, from a few entries until many were evicted."""
    evicted: list[str] = []
    memory: Any = engine.memory
    memory.on_evict = evicted.append
    for number in range(20):
        await quietly(fill(number))
    gc.collect()
    before, counted, number = resident(), memory.bytes, 20
    while len(evicted) < 500:
        await quietly(fill(number))
        number += 1
    gc.collect()
    return memory.bytes - counted, resident() - before


async def quietly(getting: Awaitable[Any]) -> None:
    with contextlib.suppress(NotThere):
        await getting


def main() -> None:
    kind, capacity = sys.argv[1], int(sys.argv[2]) * MEGABYTE
    settings.configure(CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}})
    django.setup()
    engine = engines["default"] = local_engine(capacity)
    counted, grown = asyncio.run(fill_until_evicting(engine, KINDS[kind]()))
    print(json.dumps({"declared": capacity, "counted": counted, "grown": grown}))


if __name__ == "__main__":
    main()
