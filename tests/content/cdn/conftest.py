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
from content.cdn.cdn import CDN_HEADERS, Cdn
from content.cdn.checkpoint import Checkpoint, CheckpointStore
from content.cdn.follower import Follower
from content.cdn.providers import Varnish
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
    """/<name> shows the post of that name and the list of all posts; `requested` has the name of each request."""

    def __init__(self) -> None:
        self.bodies: dict[str, str] = {}
        self.requested: list[str] = []
        self.gate: asyncio.Event | None = None
        self.lifetime = "max-age=60, stale-while-revalidate=30"
        self.post = Resource("cdn-post", load=self.load, policy=MODERATE, tags=lambda name: (f"post:{name}", "posts"))

    async def load(self, name: str) -> str:
        return self.bodies.get(name, f"first {name}")

    async def __call__(self, scope, receive, send) -> None:
        name = scope["path"].strip("/")
        self.requested.append(name)
        body = (await self.post.get(name)).encode()
        if self.gate is not None:
            await self.gate.wait()
        pairs = {"cache-control": "public, no-cache", "evergreen-cache-control": self.lifetime}
        headers = pairs_of(pairs | {"content-length": str(len(body))})
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Reader:
    """Reads through Varnish; `port` is that of the site behind it."""

    def __init__(self, client: httpx.AsyncClient, posts: Posts, port: int) -> None:
        self.client = client
        self.posts = posts
        self.port = port

    async def read(self, name: str, headers: dict[str, str] | None = None) -> tuple[str, bool]:
        """The body, and whether Varnish served a stored copy."""
        response = await self.client.get(f"/{name}", headers=headers)
        assert response.status_code == 200, response.text
        assert {"xkey", "cdn-cache-control"}.isdisjoint(response.headers)
        # A second number is that of the request that fetched the stored copy.
        return response.text, " " in response.headers["x-varnish"]

    async def reads(self, *names: str) -> None:
        """Returns when Varnish has stored them."""
        for name in names:
            await self.read(name)
            assert (await self.read(name))[1]

    async def sees(self, name: str, body: str) -> None:
        """Waits until the follower has purged the old body."""

        async def is_shown() -> bool:
            return (await self.read(name))[0] == body

        await wait_until_async(is_shown, f"{name} shows {body!r}")


@pytest.fixture
async def posts(redis_cache: str, varnish: VarnishServer) -> AsyncIterator[Posts]:
    site = Posts()
    profile = Profile(explicit_only=True, cdn=CDN_HEADERS["varnish"])
    app = EdgeCache(site, cache="default", profile=profile)
    async with serving(app, varnish.backend):
        await wait_for_backend(varnish)
        varnish.forget()
        site.requested.clear()
        yield site


@contextlib.asynccontextmanager
async def serving(app: Any, port: int) -> AsyncIterator[None]:
    """A server in the event loop of the test."""
    config = uvicorn.Config(
        app, port=port, http=EdgeProtocol, lifespan="off", log_config=None, access_log=False, timeout_keep_alive=60
    )
    server = uvicorn.Server(config)
    # Signals belong to the test process.
    server.capture_signals = contextlib.nullcontext
    task = asyncio.create_task(server.serve())
    await wait_until_async(lambda: server.started, "the server listens")
    try:
        yield
    finally:
        server.should_exit = True
        # Otherwise the server waits for the clients' connections.
        for connection in list(server.server_state.connections):
            connection.transport.close()
        await task


async def wait_for_backend(varnish: VarnishServer) -> None:
    """Varnish does not retry a backend for a moment after it was down."""
    async with httpx.AsyncClient(base_url=varnish.url) as client:

        async def is_up() -> bool:
            return (await client.get("/is-there", headers={"cookie": "sessionid=pass"})).status_code == 200

        await wait_until_async(is_up, "Varnish reaches the site")


@pytest.fixture
async def reader(posts: Posts, varnish: VarnishServer) -> AsyncIterator[Reader]:
    async with httpx.AsyncClient(base_url=varnish.url, timeout=10) as client:
        yield Reader(client, posts, varnish.backend)


def checkpoints_for(lease: float = 5.0) -> CheckpointStore:
    return CheckpointStore(log_server("default"), caches["default"].key_prefix, "tests", lease=lease)


def follower_for(cdn: Cdn, *, lease: float = 5.0, repeat_after: float = 0.1) -> Follower:
    checkpoints = checkpoints_for(lease)
    stream = LogStream(checkpoints.server, caches["default"].key_prefix)
    return Follower(cdn, stream, checkpoints, repeat_after=repeat_after, first_pause=0.02, lease_interval=0.05)


@contextlib.asynccontextmanager
async def run_follower(follower: Follower) -> AsyncIterator[Follower]:
    task = asyncio.create_task(follower.follow())
    try:
        yield follower
    finally:
        while not task.done():
            # Before Python 3.12 wait_for, with which redis-py sends, may lose a cancellation.
            task.cancel()
            await asyncio.wait({task}, timeout=0.5)
        await follower.cdn.close()


async def await_checkpoint(before: Checkpoint | None = None) -> None:
    """Waits until the checkpoint differs from `before`."""

    async def has_moved() -> bool:
        return await checkpoints_for().read() != before

    await wait_until_async(has_moved, "the checkpoint moves")


async def catch_up(cdn: Cdn) -> None:
    """Move the checkpoint to the end of the log."""
    follower = follower_for(cdn)
    await follower.catch_up(10)
    await cdn.close()


@pytest.fixture
async def follower(posts: Posts, varnish: VarnishServer) -> AsyncIterator[Follower]:
    """A running follower that has sent its first purge of everything."""
    async with run_follower(follower_for(Varnish([varnish.place]))) as follower:
        await await_checkpoint()
        yield follower


@dataclass
class ReceivedRequest:
    """One request to the API of a CDN."""

    method: str
    path: str
    fields: dict[str, str]
    body: Any


class FakeApi:
    """The API of a CDN: records requests, and sends `responses` first, then 200 with `success`."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.requests: list[ReceivedRequest] = []
        self.responses: list[tuple[int, dict[str, str], bytes]] = []

    async def __call__(self, scope, receive, send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        fields = {name.decode(): value.decode() for name, value in scope["headers"]}
        content = json.loads(body) if body else None
        self.requests.append(ReceivedRequest(scope["method"], scope["path"], fields, content))
        status, more, sent = self.responses.pop(0) if self.responses else (200, {}, b'{"success": true}')
        headers = pairs_of(more | {"content-length": str(len(sent))})
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": sent})


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    port = free_port()
    fake = FakeApi(port)
    async with serving(fake, port):
        yield fake
