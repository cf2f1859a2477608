"""The operations that are compared. Only with names of the engine that every version has."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import django
import msgspec
from django.conf import settings

from tests.benchmarks.rounds import Job
from tests.benchmarks.servers import OPTIONS, OURS, VALUE

# A job is prepared before the clock starts, and may be cleaned up after.
Operation = Callable[[], AbstractAsyncContextManager[Job]]

KEYS = 1000
FEW = 10
BATCH = 100
CALLERS = 32
# Bytes, for about ten of the keys: nearly every read comes from Redis, and evicts another key from memory.
SMALL_MEMORY = 10_000
# Seconds in which a process finishes what it does after the reader has the value.
AFTERWARDS = 0.05


def configure(redis_url: str, prefix: str) -> None:
    cache: dict[str, Any] = {"BACKEND": OURS, "LOCATION": redis_url, "KEY_PREFIX": prefix, "OPTIONS": OPTIONS}
    small = {**cache, "KEY_PREFIX": f"{prefix}s", "OPTIONS": {**OPTIONS, "MEMORY": SMALL_MEMORY}}
    settings.configure(
        CACHES={"default": cache, "small": small}, INSTALLED_APPS=[], USE_TZ=True, SECRET_KEY="benchmark"
    )
    django.setup()


def operations() -> dict[str, Operation]:
    """The operations by name. Creates the resources, in a process that has settings."""
    return {**_resources(), **_pages(), **_agets()}


class Post(msgspec.Struct, frozen=True):
    title: str
    body: str
    tags: tuple[str, ...]
    views: int


def post_of(number: int) -> Post:
    return Post(f"Post {number}", "warm and fresh " * 20, ("a", "b", "c"), number)


# The views of a post that is stale as soon as it is stored.
OLD = -1


def _resources() -> dict[str, Operation]:
    from content.caching import Policy, Resource

    hour = Policy(ttl=timedelta(hours=1), stale_ttl=timedelta(hours=1), early=0, ahead=0)
    numbers = count(KEYS)

    async def load(number: int) -> Post:
        return post_of(number)

    async def load_many(wanted: Any) -> dict[int, Post]:
        return {number: post_of(number) for number in wanted}

    post = Resource("post", load=load, load_many=load_many, policy=hour)
    shared = Resource("shared", load=load, load_many=load_many, policy=hour, cache="small")

    async def fill() -> None:
        await post.get_many(range(KEYS))

    async def fill_shared() -> None:
        await shared.get_many(range(KEYS))

    async def batches(resource: Any, calls: int) -> int:
        for number in range(calls):
            first = number * BATCH % KEYS
            await resource.get_many(range(first, first + BATCH))
        return calls

    return {
        "hit in memory": prepare_first(fill, in_turn(post.get, 80_000, keys=100)),
        "hit from Redis, 1 caller": prepare_first(fill_shared, at_once(shared.get, 1, 1_000)),
        f"hit from Redis, {CALLERS} callers": prepare_first(fill_shared, at_once(shared.get, CALLERS, 6_400)),
        f"get_many({BATCH}) from memory": prepare_first(fill, lambda: batches(post, 800)),
        f"get_many({BATCH}) from Redis": prepare_first(fill_shared, lambda: batches(shared, 60)),
        "miss, 1 caller": prepare_first(fill, at_once(lambda _: post.get(next(numbers)), 1, 400)),
        f"miss, {CALLERS} callers": prepare_first(fill, at_once(lambda _: post.get(next(numbers)), CALLERS, 960)),
        "get_sync from memory": prepare_first(fill, in_thread(post.get_sync, 500, keys=100)),
        "get_sync from Redis": prepare_first(fill_shared, in_thread(shared.get_sync, 200, keys=KEYS)),
        "get_sync, miss": prepare_first(fill, in_thread(lambda _: post.get_sync(next(numbers)), 200, keys=1)),
        "stale read, refresh under way": _stale_read(hour),
        "stale read and its refresh": _stale_read_and_refresh(hour),
    }


def _until_stale(hour: Any) -> Callable[[Post, Any], Any]:
    """A policy by value: old posts become stale at once."""
    short = replace(hour, ttl=timedelta(microseconds=100), jitter=0)
    return lambda post, policy: short if post.views == OLD else policy


async def _store_stale(resource: Any, keys: range) -> None:
    await asyncio.gather(*(resource.set(old_post_of(number), number) for number in keys))
    await asyncio.sleep(0.01)


def old_post_of(number: int) -> Post:
    return msgspec.structs.replace(post_of(number), views=OLD)


def _stale_read(hour: Any) -> Operation:
    from content.caching import Resource

    gate = asyncio.Event()

    async def load(number: int) -> Post:
        await gate.wait()
        return post_of(number)

    # Not declared: its reader refreshes it at once, instead of waiting for a worker.
    stale = Resource("stale", load=load, policy=hour, adapt=_until_stale(hour), declared=False)

    @asynccontextmanager
    async def operation() -> AsyncIterator[Job]:
        gate.clear()
        await _store_stale(stale, range(FEW))
        for number in range(FEW):
            assert (await stale.get(number)).views == OLD
        await asyncio.sleep(AFTERWARDS)
        yield in_turn(stale.get, 40_000, keys=FEW)
        assert (await stale.get(0)).views == OLD
        gate.set()
        await asyncio.sleep(AFTERWARDS)

    return operation


def _stale_read_and_refresh(hour: Any) -> Operation:
    from content.caching import Resource

    calls, numbers = 320, count()
    not_loaded = set[int]()
    all_loaded = asyncio.Event()

    async def load(number: int) -> Post:
        not_loaded.discard(number)
        if not not_loaded:
            all_loaded.set()
        return post_of(number)

    stale = Resource("refreshed", load=load, policy=hour, adapt=_until_stale(hour), declared=False)

    async def still_old(keys: Iterable[int]) -> list[int]:
        return [number for number in keys if (await stale.get(number)).views == OLD]

    @asynccontextmanager
    async def operation() -> AsyncIterator[Job]:
        first = next(numbers) * calls
        old = range(first, first + calls)
        await _store_stale(stale, old)
        not_loaded.update(old)
        all_loaded.clear()

        async def job() -> int:
            assert len(await still_old(old)) == calls
            await all_loaded.wait()
            # The last ones are stored a moment after they are loaded.
            waiting: Iterable[int] = old
            while waiting:
                await asyncio.sleep(AFTERWARDS)
                waiting = await still_old(waiting)
            return calls

        yield job

    return operation


def _pages() -> dict[str, Operation]:
    from content.caching.edge import EdgeCache
    from tests.benchmarks.edge import ask, scope_of
    from tests.benchmarks.pages import connection, page, request

    made = count()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        next(made)
        await page(scope, receive, send)

    edge = EdgeCache(app, cache="default")
    protocol = connection(edge)
    requests = [request(number) for number in range(FEW)]
    scopes = [scope_of(f"/posts/{number}/") for number in range(FEW)]
    numbers = count()

    async def fill() -> None:
        for each in requests * 3:
            protocol.data_received(each)
            await asyncio.gather(*protocol.tasks)
        for scope in scopes * 3:
            await edge(scope, receive, send)
        await asyncio.sleep(AFTERWARDS)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    def hits(job: Job) -> Operation:
        @asynccontextmanager
        async def operation() -> AsyncIterator[Job]:
            await fill()
            before = next(made)
            yield job
            await asyncio.sleep(0)
            assert next(made) == before + 1, "the application was called"

        return operation

    async def by_protocol() -> int:
        for _ in range(1_500):
            for each in requests:
                protocol.data_received(each)
        return 1_500 * FEW

    async def by_asgi() -> int:
        for _ in range(1_500):
            for scope in scopes:
                await edge(scope, receive, send)
        return 1_500 * FEW

    async def misses() -> int:
        for _ in range(200):
            await ask(edge, f"/new/{next(numbers)}/")
        await asyncio.sleep(AFTERWARDS)
        return 200

    return {
        "page hit, EdgeProtocol": hits(by_protocol),
        "page hit, ASGI": hits(by_asgi),
        "page miss, ASGI": prepare_first(fill, misses),
    }


def _agets() -> dict[str, Operation]:
    from django.core.cache import caches

    cache = caches["default"]

    async def fill() -> None:
        await cache.aset_many({str(number): VALUE for number in range(KEYS)}, None)
        assert await cache.aget(str(KEYS - 1)) == VALUE

    def get(number: int) -> Awaitable[Any]:
        return cache.aget(str(number))

    return {
        "aget, 1 caller": prepare_first(fill, at_once(get, 1, 1_600)),
        f"aget, {CALLERS} callers": prepare_first(fill, at_once(get, CALLERS, 12_800)),
    }


def prepare_first(prepare: Callable[[], Awaitable[None]], job: Job) -> Operation:
    @asynccontextmanager
    async def operation() -> AsyncIterator[Job]:
        await prepare()
        yield job

    return operation


def in_turn(get: Callable[[int], Awaitable[Any]], calls: int, *, keys: int) -> Job:
    async def job() -> int:
        for number in range(calls):
            await get(number % keys)
        return calls

    return job


def in_thread(get: Callable[[int], Any], calls: int, *, keys: int) -> Job:
    """As a sync view does: in a thread that has no event loop."""

    def get_all() -> int:
        for number in range(calls):
            get(number % keys)
        return calls

    return lambda: asyncio.to_thread(get_all)


def at_once(get: Callable[[int], Awaitable[Any]], callers: int, calls: int) -> Job:
    """The callers go through the keys from places far apart: they never wait for the same key."""

    async def caller(first: int) -> None:
        for number in range(first, first + calls // callers):
            await get(number % KEYS)

    async def job() -> int:
        await asyncio.gather(*(caller(number * KEYS // callers) for number in range(callers)))
        return calls // callers * callers

    return job
