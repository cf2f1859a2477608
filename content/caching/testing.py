"""Fixtures for people who test resources of their own: `pytest_plugins = ["content.caching.testing"]`.

clean_cache        an empty cache, shared tier and memory, before and after the test
clock              a clock that moves when told to, for the engine of the "default" alias
loads_in_place     loads run in their caller's context, so that they see rows of a transaction that a test
                   never commits (pytest-django's `db`, Django's TestCase)
"""

from collections.abc import Iterator

import pytest
from django.core.cache import caches

from content.caching.loading import Loading
from content.caching.registry import engine_of, engines


class Clock:
    """Unix time that moves when told to."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


def clear(alias: str = "default") -> None:
    caches[alias].clear()
    engine = engines.get(alias)
    if engine is not None:
        engine.held_off.clear()
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
    monkeypatch.setattr(Loading, "apart", False)
