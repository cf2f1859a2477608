"""`manage.py check` tells of settings that would hurt, before they do."""

import logging
import sys
import types
from typing import Any

import pytest
from django.core.checks import run_checks

from content.caching import Policy, Resource, declarations
from content.caching.declarations import duplicate_names
from content.caching.edge import EdgeCache, cache_page
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


def find_problems(settings, config: dict[str, Any], *, deploy: bool = False) -> list[str]:
    declarations.page_aliases.add("default")
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
        (with_options(HEAT=0), []),
        (with_options(HEAT=-1), ["caching.E007"]),
        (with_options(HEAT="many"), ["caching.E007"]),
        ({"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "t"}, ["caching.E002"]),
        ({"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://x"}, ["caching.E002"]),
        ({"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "x:1"}, ["caching.E002"]),
        ({"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}, ["caching.W001"]),
        ({"BACKEND": "django.core.cache.backends.dummy.DummyCache"}, ["caching.W002"]),
    ],
)
def test_each_harmful_setting_is_reported(settings, config, expected):
    assert find_problems(settings, config) == expected


def test_a_missing_cache_is_reported(settings):
    async def load() -> int:
        return 1

    Resource("astray", load=load, policy=HOUR, cache="elsewhere")
    assert find_problems(settings, REDIS) == ["caching.E001"]


def test_two_resources_of_one_name_are_reported(settings):
    async def load() -> int:
        return 1

    async def other() -> int:
        return 2

    for loader in (load, other):
        Resource("twin", load=loader, policy=Policy(ttl=HOUR.ttl))
    assert find_problems(settings, REDIS) == ["caching.E004"]


@pytest.fixture(autouse=True)
def only_what_the_test_declares(monkeypatch):
    """The checks judge all that the process has declared, and other tests declare what this one's settings lack."""
    monkeypatch.setattr(declarations, "resources", {})
    known: list[set[Any]] = [declarations.page_aliases, declarations.edge_caches, declarations.edge_views]
    kept = [set(each) for each in known]
    for each in (*known, duplicate_names):
        each.clear()
    yield
    duplicate_names.clear()
    for each, content in zip(known, kept, strict=True):
        each.clear()
        each.update(content)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), []),
        (("--maxmemory", "100mb", "--maxmemory-policy", "noeviction"), []),
        (("--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru"), []),
        (("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"), ["caching.W006"]),
    ],
)
def test_a_log_in_a_redis_that_evicts_is_reported_before_a_deployment(settings, options, expected):
    with running_redis(*options) as server:
        assert find_problems(settings, REDIS | {"LOCATION": server.url}, deploy=True) == expected
        assert find_problems(settings, with_options(LOG=server.url), deploy=True) == expected


def test_a_log_that_is_down_is_reported_before_a_deployment(settings):
    assert find_problems(settings, REDIS, deploy=True) == ["caching.W005"]
    assert find_problems(settings, REDIS) == []


DATABASE = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "t"}


@pytest.mark.parametrize(
    "backend", ["db.DatabaseCache", "redis.RedisCache", "dummy.DummyCache", "locmem.LocMemCache"]
)
def test_a_default_cache_that_we_do_not_use_is_not_checked(settings, backend):
    async def load() -> int:
        return 1

    Resource("elsewhere", load=load, policy=HOUR, cache="content")
    settings.CACHES = {
        "default": {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": "x"},
        "content": REDIS,
    }
    assert [message.id for message in run_checks(tags=["caches"])] == []


@pytest.mark.parametrize("use", ["resource", "view", "edge"])
def test_a_default_that_something_of_ours_uses_is_judged(settings, use):
    async def load() -> int:
        return 1

    if use == "resource":
        Resource("here", load=load, policy=HOUR)
    elif use == "view":
        cache_page(60, cache="default")(lambda request: None)
    else:
        EdgeCache(lambda *_: None, cache="default")
    settings.CACHES = {"default": DATABASE}
    assert [message.id for message in run_checks(tags=["caches"])] == ["caching.E002"]


def project(settings, monkeypatch, *, asgi: str = "", cache: str | None = None) -> list[str]:
    """The messages about a project with one cached view, and an ASGI application with that code."""
    urls, application = types.ModuleType("views_of_the_check"), types.ModuleType("asgi_of_the_check")
    urls.urlpatterns = []
    cache_page(60, cache=cache)(lambda request: None)
    exec(f"from content.caching.edge import EdgeCache\n{asgi}", vars(application))
    monkeypatch.setitem(sys.modules, "views_of_the_check", urls)
    monkeypatch.setitem(sys.modules, "asgi_of_the_check", application)
    settings.ROOT_URLCONF, settings.ASGI_APPLICATION = "views_of_the_check", "asgi_of_the_check.application"
    settings.CACHES = {"default": REDIS}
    return [str(message) for message in run_checks(tags=["caches"]) if message.id == "caching.W008"]


def test_a_cached_view_with_neither_an_edge_nor_a_cache_is_reported(settings, monkeypatch):
    [message] = project(settings, monkeypatch)
    assert "test_checks.project.<locals>.<lambda>: nothing stores the pages" in message
    assert "EdgeCache(get_asgi_application())" in message


def test_a_cached_view_with_an_edge_or_with_a_cache_is_stored(settings, monkeypatch):
    assert project(settings, monkeypatch, asgi="application = EdgeCache(None)") == []
    declarations.edge_caches.clear()
    declarations.edge_views.clear()
    assert project(settings, monkeypatch, cache="default") == []


def test_an_application_that_cannot_be_imported_is_no_error_of_the_check(settings):
    cache_page(60)(lambda request: None)
    settings.ROOT_URLCONF = settings.ASGI_APPLICATION = "nowhere.to.be.found"
    settings.CACHES = {"default": REDIS}
    assert [message.id for message in run_checks(tags=["caches"])] == ["caching.W008"]


def test_two_loaders_of_one_function_with_one_name_are_reported_at_once(settings, caplog):
    """The commonest way to two resources of one name: a function that makes them, called twice."""

    def price_in(currency: str) -> None:
        async def load(sku: str) -> str:
            return f"{sku} {currency}"

        Resource("price", load=load, policy=HOUR)

    with caplog.at_level(logging.WARNING, "content.caching"):
        price_in("EUR")
        assert find_problems(settings, REDIS) == [] == caplog.messages
        price_in("CHF")
        price_in("USD")
    assert find_problems(settings, REDIS) == ["caching.E004"]
    [message] = caplog.messages
    assert "Two resources are named 'price'" in message
    assert "Give each its own name." in message


def test_a_module_that_is_imported_again_names_nothing_twice(settings):
    source = "async def load() -> int: return 1"
    for _ in range(2):
        module = {"__name__": "shop"}
        exec(source, module)
        Resource("again", load=module["load"], policy=HOUR)
    assert find_problems(settings, REDIS) == []
