"""A site of one resource behind its edge, a Varnish before it, and a Redis that keeps the log."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from django.core.cache import caches
from django.test import override_settings

from content.caching import MODERATE, Resource
from content.caching.edge import EdgeCache, Profile
from content.caching.edge.protocol import EdgeProtocol
from content.caching.engines import engine_of, log_server
from content.caching.ordering.stream import LogStream
from content.cdn.cdn import Cdn
from content.cdn.follower import Follower
from content.cdn.headers import CDN_HEADERS
from content.cdn.place import Mark, Place
from content.cdn.varnish import Varnish
from tests.support.edge import pairs_of
from tests.support.servers.process import free_port
from tests.support.servers.varnish import VarnishServer, running_varnish
from tests.support.wait import wait_until_async

numbers = itertools.count()


@pytest.fixture
def redis_cache(fresh_redis: str) -> Iterator[str]:
    """The alias "default", on a Redis of its own prefix."""
    cache = {
        "BACKEND": "content.caching.backends.RedisCache",
        "LOCATION": fresh_redis,
        "KEY_PREFIX": f"cdn-{next(numbers)}",
        "OPTIONS": {"SERIALIZER": "content.caching.serializer.MessagePackSerializer", "SOCKET_TIMEOUT": 1.0},
    }
    with override_settings(CACHES={"default": cache, "sessions": cache, "local": cache}):
        yield fresh_redis
        engine_of("default").ordering.log.stop(wait=False)


@pytest.fixture(scope="session")
def varnish() -> Iterator[VarnishServer]:
    with running_varnish(free_port()) as server:
        yield server


class Posts:
    """/<name> shows the post of that name, and the list of all; how often each was asked for."""

    def __init__(self) -> None:
        self.bodies: dict[str, str] = {}
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None
        self.lasts = "max-age=60, stale-while-revalidate=30"
        self.post = Resource("cdn-post", load=self.load, policy=MODERATE, tags=lambda name: (f"post:{name}", "posts"))

    async def load(self, name: str) -> str:
        return self.bodies.get(name, f"first {name}")

    async def __call__(self, scope, receive, send) -> None:
        name = scope["path"].strip("/")
        self.asked.append(name)
        body = (await self.post.get(name)).encode()
        if self.gate is not None:
            await self.gate.wait()
        pairs = {"cache-control": "public, no-cache", "evergreen-cache-control": self.lasts}
        headers = pairs_of(pairs | {"content-length": str(len(body))})
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Reader:
    """Reads through Varnish, or past it."""

    def __init__(self, client: httpx.AsyncClient, posts: Posts, port: int) -> None:
        self.client = client
        self.posts = posts
        self.port = port

    async def read(self, name: str, headers: dict[str, str] | None = None) -> tuple[str, bool]:
        """The body, and whether Varnish had it."""
        response = await self.client.get(f"/{name}", headers=headers)
        assert response.status_code == 200, response.text
        assert {"xkey", "cdn-cache-control"}.isdisjoint(response.headers)
        # Two numbers: of this request, and of the one that has fetched what it got.
        return response.text, " " in response.headers["x-varnish"]

    async def reads(self, *names: str) -> None:
        """Until Varnish has them."""
        for name in names:
            await self.read(name)
            assert (await self.read(name))[1]

    async def sees(self, name: str, body: str) -> None:
        """Within seconds: the follower is at work."""

        async def is_shown() -> bool:
            return (await self.read(name))[0] == body

        await wait_until_async(is_shown, f"{name} shows {body!r}")


@pytest.fixture
async def posts(redis_cache: str, varnish: VarnishServer) -> AsyncIterator[Posts]:
    site = Posts()
    profile = Profile(explicit_only=True, cdn=CDN_HEADERS["varnish"])
    app = EdgeCache(site, cache="default", profile=profile)
    async with serving(app, varnish.backend):
        await found_by(varnish)
        varnish.forget()
        site.asked.clear()
        yield site


@contextlib.asynccontextmanager
async def serving(app: Any, port: int) -> AsyncIterator[None]:
    """In the test's own loop."""
    config = uvicorn.Config(
        app, port=port, http=EdgeProtocol, lifespan="off", log_config=None, access_log=False, timeout_keep_alive=60
    )
    server = uvicorn.Server(config)
    # Signals are for the tests' own process.
    server.capture_signals = contextlib.nullcontext
    task = asyncio.create_task(server.serve())
    await wait_until_async(lambda: server.started, "the server listens")
    try:
        yield
    finally:
        server.should_exit = True
        # Clients keep their connections.
        for connection in list(server.server_state.connections):
            connection.transport.close()
        await task


async def found_by(varnish: VarnishServer) -> None:
    """For a moment it does not ask who was not there."""
    async with httpx.AsyncClient(base_url=varnish.url) as client:

        async def is_found() -> bool:
            return (await client.get("/is-there", headers={"cookie": "sessionid=pass"})).status_code == 200

        await wait_until_async(is_found, "Varnish finds the application")


@pytest.fixture
async def reader(posts: Posts, varnish: VarnishServer) -> AsyncIterator[Reader]:
    async with httpx.AsyncClient(base_url=varnish.url, timeout=10) as client:
        yield Reader(client, posts, varnish.backend)


def place_for(lease: float = 5.0) -> Place:
    return Place(log_server("default"), caches["default"].key_prefix, "tests", lease=lease)


def follower_for(cdn: Cdn, *, lease: float = 5.0, again: float = 0.1) -> Follower:
    place = place_for(lease)
    stream = LogStream(place.server, caches["default"].key_prefix)
    return Follower(cdn, stream, place, again=again, first_pause=0.02, look=0.05)


@contextlib.asynccontextmanager
async def following(follower: Follower) -> AsyncIterator[Follower]:
    task = asyncio.create_task(follower.follow())
    try:
        yield follower
    finally:
        while not task.done():
            # Before Python 3.12 wait_for, with which redis-py sends, may lose a cancellation.
            task.cancel()
            await asyncio.wait({task}, timeout=0.5)
        await follower.cdn.close()


async def marked(before: Mark | None = None) -> None:
    """The mark is another one than that."""

    async def has_moved() -> bool:
        return await place_for().read() != before

    await wait_until_async(has_moved, "the mark moves")


async def caught_up(cdn: Cdn) -> None:
    """The mark stands where the log ends."""
    follower = follower_for(cdn)
    await follower.catch_up(10)
    await cdn.close()


@pytest.fixture
async def follower(posts: Posts, varnish: VarnishServer) -> AsyncIterator[Follower]:
    """At work, and at rest for the moment: what it purges at its start is purged."""
    async with following(follower_for(Varnish([varnish.place]))) as found:
        await marked()
        yield found


@dataclass
class Asked:
    """One request, as a CDN's interface gets it."""

    method: str
    path: str
    fields: dict[str, str]
    body: Any


class Interface:
    """Of a CDN: records what it is asked, and answers 200 with `success`, but as `answers` say first."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.asked: list[Asked] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []

    async def __call__(self, scope, receive, send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        fields = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append(Asked(scope["method"], scope["path"], fields, json.loads(body) if body else None))
        status, more_fields, said = self.answers.pop(0) if self.answers else (200, {}, b'{"success": true}')
        headers = pairs_of(more_fields | {"content-length": str(len(said))})
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": said})


@pytest.fixture
async def interface() -> AsyncIterator[Interface]:
    port = free_port()
    found = Interface(port)
    async with serving(found, port):
        yield found
