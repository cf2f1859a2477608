"""`manage.py check` tells of settings that would hurt, before they do."""

from typing import Any

import pytest
from django.core.checks import run_checks

from content.caching import Policy, Resource, declarations
from content.caching.declarations import duplicate_names
from tests.content.caching.test_resource import HOUR
from tests.support.servers.redis import running_redis

REDIS: dict[str, Any] = {
    "BACKEND": "content.caching.backends.RedisCache",
    "LOCATION": "redis://127.0.0.1:1/0",
    "OPTIONS": {
        "SERIALIZER": "content.caching.serializer.MessagePackSerializer",
        "SOCKET_TIMEOUT": 1.0,
        "SOCKET_CONNECT_TIMEOUT": 1.0,
    },
}


def with_options(**options: Any) -> dict[str, Any]:
    return REDIS | {"OPTIONS": REDIS["OPTIONS"] | options}


def found(settings, config: dict[str, Any], *, deploy: bool = False) -> list[str]:
    settings.CACHES = {"default": config}
    messages = run_checks(tags=["caches"], include_deployment_checks=deploy)
    return sorted(message.id for message in messages if message.id.startswith("caching."))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (REDIS, []),
        ({"BACKEND": "content.caching.backends.MemcachedCache", "LOCATION": "127.0.0.1:11211"}, []),
        (with_options(SERIALIZER="django_redis.serializers.pickle.PickleSerializer"), ["caching.E003"]),
        (REDIS | {"OPTIONS": {}}, ["caching.E003", "caching.W003"]),
        (with_options(IGNORE_EXCEPTIONS=True), ["caching.W004"]),
        (with_options(MEMORY=64 * 1024 * 1024), []),
        (with_options(MEMORY=64), ["caching.E005"]),
        (with_options(MEMORY="64M"), ["caching.E005"]),
        ({"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "t"}, ["caching.E002"]),
        ({"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://x"}, ["caching.E002"]),
        ({"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "x:1"}, ["caching.E002"]),
        ({"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}, ["caching.W001"]),
        ({"BACKEND": "django.core.cache.backends.dummy.DummyCache"}, ["caching.W002"]),
    ],
)
def test_each_setting_that_would_hurt_is_told(settings, config, expected):
    assert found(settings, config) == expected


def test_a_cache_that_is_not_there_is_told(settings):
    async def load() -> int:
        return 1

    Resource("astray", load=load, policy=HOUR, cache="elsewhere")
    assert found(settings, REDIS) == ["caching.E001"]


def test_two_resources_of_one_name_are_told(settings):
    async def load() -> int:
        return 1

    async def other() -> int:
        return 2

    for loader in (load, other):
        Resource("twin", load=loader, policy=Policy(ttl=HOUR.ttl))
    assert found(settings, REDIS) == ["caching.E004"]


@pytest.fixture(autouse=True)
def only_what_the_test_declares(monkeypatch):
    """The checks judge all that the process has declared, and other tests declare what this one's settings lack."""
    monkeypatch.setattr(declarations, "resources", {})
    monkeypatch.setattr(declarations, "page_aliases", set())
    duplicate_names.clear()
    yield
    duplicate_names.clear()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), []),
        (("--maxmemory", "100mb", "--maxmemory-policy", "noeviction"), []),
        (("--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru"), []),
        (("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"), ["caching.W006"]),
    ],
)
def test_a_log_in_a_redis_that_evicts_is_told_before_a_deployment(settings, options, expected):
    with running_redis(*options) as server:
        assert found(settings, REDIS | {"LOCATION": server.url}, deploy=True) == expected
        assert found(settings, with_options(LOG=server.url), deploy=True) == expected


def test_a_log_that_is_away_is_told_before_a_deployment(settings):
    assert found(settings, REDIS, deploy=True) == ["caching.W005"]
    assert found(settings, REDIS) == []
