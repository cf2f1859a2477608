"""Several caches at once: what is kept in each, and one invalidation for all."""

import asyncio
import os
from itertools import count
from pathlib import Path

import pytest
from django.core.cache import caches
from django.http import HttpResponse
from django.test import RequestFactory

from content.caching import CacheError, Resource, invalidate, invalidate_sync
from content.caching.declarations import page_aliases, resources
from content.caching.edge import cache_page
from content.caching.engines import engine_of
from content.caching.invalidation import orderings
from tests.content.caching.conftest import BACKENDS
from tests.content.caching.test_resource import HOUR
from tests.support.caches import LOCMEM
from tests.support.servers.redis import running_redis
from tests.support.service import clean_environment, manage

ask = RequestFactory().get


@pytest.fixture(params=BACKENDS)
def two_caches(request, settings):
    """An alias "other" of each backend in turn, beside a default one that is each process's own."""
    settings.CACHES = {
        "default": LOCMEM | {"LOCATION": "first"},
        "other": BACKENDS[request.param](request) | {"KEY_PREFIX": f"other-{os.getpid()}"},
    }
    for alias in settings.CACHES:
        caches[alias].clear()
    yield
    resources.pop("elsewhere", None)
    page_aliases.discard("other")


def counting_resource(alias: str) -> Resource:
    numbers = count(1)

    async def load() -> int:
        return next(numbers)

    return Resource("elsewhere", load=load, policy=HOUR, tags=lambda: ("news",), cache=alias)


async def test_a_resource_is_kept_in_the_cache_that_it_names(two_caches):
    resource = counting_resource("other")
    assert [await resource.get(), await resource.get()] == [1, 1]
    key = resource.key(())
    assert await caches["other"].ahas_key(key)
    assert not await caches["default"].ahas_key(key)


async def test_one_invalidation_reaches_it(two_caches):
    """Writers know tags, and not the caches of their dependants."""
    resource = counting_resource("other")
    assert await resource.get() == 1
    await invalidate(["news"])
    assert await resource.get() == 2
    await asyncio.to_thread(invalidate_sync, ["news"])
    assert await resource.get() == 3
    await invalidate(["news"], cache="default")
    assert await resource.get() == 3


async def test_a_page_is_kept_at_the_view_in_the_cache_that_it_names(two_caches):
    numbers = count(1)

    @cache_page(60, tags=["news"], cache="other")
    async def view(request):
        return HttpResponse(str(next(numbers)))

    assert [(await view(ask("/"))).content for _ in range(2)] == [b"1", b"1"]
    await invalidate(["news"])
    assert (await view(ask("/"))).content == b"2"


async def test_other_caches_are_invalidated_if_one_fails(settings):
    with running_redis() as server:
        settings.CACHES = {
            "default": BACKENDS["redis"](Fixtures(redis_server=server)),
            "other": LOCMEM | {"LOCATION": "second"},
        }
        resource = counting_resource("other")
        assert await resource.get() == 1
        engine_of("default")
    with pytest.raises(CacheError):
        await invalidate(["news"])
    assert await resource.get() == 2
    resources.pop("elsewhere")


class Fixtures(dict):
    """The fixtures that a backend asks for."""

    def __init__(self, **fixtures):
        super().__init__(fixtures)
        self.getfixturevalue = self.__getitem__


@pytest.fixture
def local_cache(settings, fresh_redis):
    """As the site has it: in this process, with the log of the default cache."""
    redis = {
        "BACKEND": "content.caching.backends.RedisCache",
        "LOCATION": fresh_redis,
        "KEY_PREFIX": "evergreen",
        "OPTIONS": {"SERIALIZER": "content.caching.serializer.MessagePackSerializer"},
    }
    local = LOCMEM | {"LOCATION": "local", "KEY_PREFIX": "evergreen", "OPTIONS": {"LOG": fresh_redis}}
    settings.CACHES = {"default": redis, "local": local}
    caches["local"].clear()
    yield fresh_redis
    resources.pop("elsewhere", None)


INVALIDATE = "from content.caching import invalidate_sync; invalidate_sync(['news'])"


async def test_what_never_leaves_the_process_hears_of_an_invalidation_in_another(local_cache, tmp_path: Path):
    resource = counting_resource("local")
    assert [await resource.get(), await resource.get()] == [1, 1]
    assert len(orderings(None)) == 1, "they follow one log, and are told once"
    environment = clean_environment() | {"REDIS_URL": local_cache, "EVERGREEN_STATE_DIR": str(tmp_path)}
    await asyncio.to_thread(manage, environment, "shell", "-v0", "-c", INVALIDATE)
    await invalidate(["nothing"])  # and with it this process has read what came before
    assert await resource.get() == 2
