"""Fixtures for tests of your own resources, with pytest or unittest. See docs/testing.md.

pytest, with `pytest_plugins = ["content.caching.testing"]`:

clean_cache        an empty cache, shared tier and memory, for this test alone
clock              a clock that moves when told to, for the engine of the "default" alias
loads_in_place     loads run in their caller's context, so that they see rows of a transaction that a test
                   never commits (pytest-django's `db`, Django's TestCase)

unittest: `class PriceTest(CachedTestMixin, TestCase)` has all of them.

No helper empties a server. A test's entries have a key prefix of their own, and only these are deleted.

Assertions on stored entries: `await assert_fresh(price, "A-100")`, `assert_stale`, `assert_not_served`.

And a second tier that misbehaves: `with chaos(always_throw()):`, `always_delay(seconds)`, `garbage()`.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast
from unittest import TestCase

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends import locmem
from django.test import override_settings
from redis.exceptions import RedisError

from .backends.server import Server
from .engines import engine_of, engines, log_server
from .executor import LoadExecutor
from .ordering.log import logs
from .ordering.ordering import LogOrdering
from .resource import Resource
from .stores.blocking import BlockingTier, blocking_tier
from .stores.failsafe import Failsafe
from .stores.shared import SharedTier


class Clock:
    """Unix time that moves when told to."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


Call = Callable[[], Awaitable[Any]]
Misbehaviour = Callable[[str, Call], Awaitable[Any]]


def always_throw(error: type[Exception] = ConnectionError) -> Misbehaviour:
    """Every call fails."""

    async def misbehave(name: str, call: Call) -> Any:
        raise error(f"chaos in {name}")

    return misbehave


def always_delay(seconds: float) -> Misbehaviour:
    """Every call works, later."""

    async def misbehave(name: str, call: Call) -> Any:
        if asyncio._get_running_loop() is None:
            time.sleep(seconds)  # noqa: ASYNC251  # a thread that has no event loop
        else:
            await asyncio.sleep(seconds)
        return await call()

    return misbehave


def garbage(content: Any = b"\x02\xff\xff\xff\xffgarbage") -> Misbehaviour:
    """Every lookup finds this content."""

    async def misbehave(name: str, call: Call) -> Any:
        answer = await call()
        if name == "lookup_or_lease":
            return dict.fromkeys(answer[0], content), answer[1]
        return dict.fromkeys(answer, content) if name == "lookup" else answer

    return misbehave


class Chaotic:
    """A second tier all of whose calls go through a misbehaviour, those of threads too."""

    def __init__(self, tier: SharedTier, misbehave: Misbehaviour) -> None:
        self.tier = tier
        self.misbehave = misbehave

    def blocking(self) -> BlockingTier:
        return cast(BlockingTier, Chaotic(blocking_tier(self.tier), self.misbehave))

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        operation = getattr(self.tier, name)
        return lambda *args, **options: self.misbehave(name, lambda: operation(*args, **options))


@contextmanager
def chaos(misbehave: Misbehaviour, alias: str = "default") -> Iterator[None]:
    """Behind the breaker, where a failing cache would be; memory and log are left alone."""
    shared = engine_of(alias).shared
    if not isinstance(shared, Failsafe):
        raise TypeError(f"{alias} has another second tier than engines have: {shared}")
    well_behaved = shared.tier
    shared.tier = cast(SharedTier, Chaotic(well_behaved, misbehave))
    try:
        yield
    finally:
        shared.tier = well_behaved
        shared.breaker.record_success()


async def states_of(resource: Resource[..., Any], *parameters: Any) -> dict[str, str | None]:
    """The state in each tier: fresh, stale, expired, invalid, or None if it has no value."""
    told = await resource.explain(*parameters)
    return {tier: told[tier] and told[tier]["state"] for tier in ("memory", "shared")}


async def assert_fresh(resource: Resource[..., Any], *parameters: Any) -> None:
    """The next reader gets it without a load."""
    states = await states_of(resource, *parameters)
    assert "fresh" in states.values(), f"{resource.name}{parameters} is not fresh: {states}"  # noqa: S101


async def assert_stale(resource: Resource[..., Any], *parameters: Any) -> None:
    """The next reader gets it at once, and it is loaded again."""
    states = await states_of(resource, *parameters)
    seen = set(states.values())
    assert "stale" in seen and "fresh" not in seen, f"{resource.name}{parameters} is not stale: {states}"  # noqa: S101, PT018


async def assert_not_served(resource: Resource[..., Any], *parameters: Any) -> None:
    """The next reader waits for a load."""
    states = await states_of(resource, *parameters)
    served = {"fresh", "stale"} & set(states.values())
    assert not served, f"{resource.name}{parameters} would be served: {states}"  # noqa: S101


# --- a cache of one test --------------------------------------------------------------------------------


@contextmanager
def isolated_cache(alias: str = "default") -> Iterator[None]:
    """An empty cache under that alias: the same server and options, and keys that nobody else uses.

    Its keys are deleted afterwards if the server can list them. Otherwise they end by their timeout.
    """
    config = dict(settings.CACHES[alias])
    prefix = f"test-{secrets.token_hex(6)}"
    config["KEY_PREFIX"] = prefix
    is_locmem = config["BACKEND"] == f"{locmem.__name__}.LocMemCache"
    if is_locmem:
        config["LOCATION"] = prefix
    servers: list[Server] = []
    try:
        with override_settings(CACHES={**settings.CACHES, alias: config}):
            servers = _servers_of(alias)
            try:
                yield
            finally:
                _stop_log(alias)
    finally:
        # Statistics are written when the engine ends.
        for server in servers:
            _delete_prefix(server, prefix)
        if is_locmem:
            for known in (locmem._caches, locmem._expire_info, locmem._locks):  # type: ignore[attr-defined]
                known.pop(prefix, None)


def _stop_log(alias: str) -> None:
    """The log of this test, which no other reads."""
    engine = engines.get(alias)
    if engine is not None and isinstance(engine.ordering, LogOrdering):
        log = engine.ordering.log
        log.stop()
        for place in [place for place, known in logs.items() if known is log]:
            del logs[place]


def _servers_of(alias: str) -> list[Server]:
    """The Redis servers that have keys of that alias: those of its entries, and that of its log."""
    log = log_server(alias)
    servers = [*getattr(caches[alias], "servers", ()), *([log] if log is not None else ())]
    return list(dict.fromkeys(servers))


def _delete_prefix(server: Server, prefix: str) -> None:
    with suppress(RedisError, OSError), server.sync_client() as client:
        for key in client.scan_iter(match=f"*{prefix}*", count=1000):
            client.unlink(key)


@contextmanager
def loading_in_place() -> Iterator[None]:
    """Loads run in their caller's context, and see the rows of its transaction."""
    before, LoadExecutor.isolated = LoadExecutor.isolated, False
    try:
        yield
    finally:
        LoadExecutor.isolated = before


@contextmanager
def moved_clock(alias: str = "default") -> Iterator[Clock]:
    """The clock of an engine, moved by hand."""
    engine, clock = engine_of(alias), Clock()
    before, engine.clock = engine.clock, clock
    try:
        yield clock
    finally:
        engine.clock = before


class CachedTestMixin(TestCase):
    """A mixin before Django's TestCase: an empty cache, `self.clock`, and loads that see the test's rows."""

    cache_alias = "default"

    def setUp(self) -> None:
        super().setUp()
        self.enterContext(isolated_cache(self.cache_alias))
        self.enterContext(loading_in_place())
        self.clock = self.enterContext(moved_clock(self.cache_alias))


try:
    import pytest
except ImportError:  # unittest alone
    pass
else:

    @pytest.fixture
    def clean_cache() -> Iterator[None]:
        with isolated_cache():
            yield

    @pytest.fixture
    def clock() -> Iterator[Clock]:
        with moved_clock() as clock:
            yield clock

    @pytest.fixture
    def loads_in_place() -> Iterator[None]:
        with loading_in_place():
            yield
