from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from django.core.cache import caches
from django.test import override_settings

from content.caching.registry import engine_of


class Clock:
    """Unix time that moves when told to."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def redis_alias(url: str) -> dict[str, Any]:
    return {
        "BACKEND": "content.caching.backends.RedisCache",
        "LOCATION": url,
        "KEY_PREFIX": f"contract-{next(numbers)}",
        "OPTIONS": {"SERIALIZER": "content.caching.serializer.MessagePackSerializer"},
    }


numbers = count()
LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "contract"}


@pytest.fixture(params=["locmem", "redis"])
def alias(request: pytest.FixtureRequest, clock: Clock) -> Iterator[str]:
    """An empty cache of each backend in turn, as the alias "default", on the tests' clock."""
    in_redis = request.param == "redis"
    config = redis_alias(request.getfixturevalue("redis_server").url) if in_redis else LOCMEM
    with override_settings(CACHES={"default": config}):
        caches["default"].clear()
        engine = engine_of("default")
        engine.clock = clock
        yield "default"
        caches["default"].clear()
        if in_redis:
            engine.ordering.log.stop()


class Shelf:
    """A loader's world: what is there, how often it was asked, and what happens during a load."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}
        self.loads: list[Any] = []
        self.during: Callable[[], Any] | None = None


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()
