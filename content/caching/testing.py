"""Fixtures for people who test resources of their own: `pytest_plugins = ["content.caching.testing"]`.

clean_cache        an empty cache, shared tier and memory, before and after the test
clock              a clock that moves when told to, for the engine of the "default" alias
loads_in_place     loads run in their caller's context, so that they see rows of a transaction that a test
                   never commits (pytest-django's `db`, Django's TestCase)

Assertions on stored entries: `await assert_fresh(price, "A-100")`, `assert_stale`, `assert_not_served`.

And a second tier that misbehaves: `with chaos(always_throw()):`, `always_delay(seconds)`, `garbage()`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from django.core.cache import caches

from .engines import engine_of, engines
from .executor import LoadExecutor
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
    """By tier: fresh, stale, expired, invalid, or None for nothing held."""
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


def clear(alias: str = "default") -> None:
    caches[alias].clear()
    engine = engines.get(alias)
    if engine is not None:
        engine.backoff.clear()
        if engine.memory is not None:
            engine.memory.clear()


@pytest.fixture
def clean_cache() -> Iterator[None]:
    clear()
    yield
    clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(engine_of("default"), "clock", clock)
    return clock


@pytest.fixture
def loads_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoadExecutor, "apart", False)
