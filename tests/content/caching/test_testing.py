"""The helpers for tests of other people's resources. They change nothing that a test does not own."""

from typing import Any

import pytest
from django.core.cache import caches
from django.db import transaction
from django.test import TestCase, override_settings

from content.caching import NotThere, Policy, Resource, invalidate_sync
from content.caching.engines import engine_of
from content.caching.testing import CachedTestMixin, isolated_cache
from content.models import Category
from tests.support.caches import LOCMEM, SESSIONS, redis_cache
from tests.support.service import clean_environment
from tests.support.warm_python import run_warm

POLICY = Policy(ttl="1h", stale_ttl="1h", jitter=0)


def counting() -> tuple[Resource[Any, int], list[str]]:
    loads: list[str] = []

    async def load(sku: str) -> int:
        loads.append(sku)
        return len(loads)

    return Resource("counting", load=load, policy=POLICY, tags=lambda sku: [f"product:{sku}"]), loads


def test_a_clean_cache_is_empty_and_leaves_everything_else_alone(alias, clock):
    """On a shared server, the entries and the log of others stay, and keys of other programs."""
    resource, loads = counting()
    assert resource.get_sync("A") == 1
    caches["default"].set("theirs", "kept", None)
    for expected in (2, 3):
        with isolated_cache():
            assert caches["default"].get("theirs") is None
            assert resource.get_sync("A") == resource.get_sync("A") == expected
            caches["default"].set("theirs", "of the test")
            invalidate_sync(["product:A"])
    engine_of("default").clock = clock
    assert caches["default"].get("theirs") == "kept"
    assert resource.get_sync("A") == 1, "what the tests have invalidated was theirs"
    assert loads == ["A", "A", "A"]


def test_nothing_of_a_test_stays_in_redis(redis_server):
    with redis_server.client() as client, override_settings(CACHES={"default": redis_cache(redis_server.url)}):
        client.set("of another program", "kept")
        resource, _ = counting()
        with isolated_cache():
            own = f"*{caches['default'].key_prefix}*"
            resource.get_sync("A")
            invalidate_sync(["product:A"])
            assert client.keys(own), "the server is the real one"
        # The cache around it may have an engine by now, with keys of its own.
        assert client.keys(own) == []
        assert client.get("of another program") == b"kept"
        client.delete("of another program")


def test_a_server_that_is_away_is_no_error_of_the_test(alias):
    with override_settings(CACHES={"default": redis_cache("redis://127.0.0.1:1/0")}), isolated_cache():
        assert counting()[0].get_sync("A") == 1


THEIRS = """
from content.caching import Policy, Resource
from content.caching.testing import assert_fresh, assert_stale

pytest_plugins = ["content.caching.testing"]
loads = []

async def load(sku: str) -> int:
    loads.append(sku)
    return 1

price = Resource("price", load=load, policy=Policy(ttl="1h", stale_ttl="1h"))

async def test_one(clean_cache, clock, loads_in_place):
    await price.get("A")
    await assert_fresh(price, "A")
    clock.forward(3601)
    await assert_stale(price, "A")
    assert loads == ["A"]

async def test_another(clean_cache):
    await price.get("A")
    assert loads == ["A", "A"]
"""


def test_the_fixtures_work_in_a_suite_of_their_own(tmp_path):
    (tmp_path / "test_price.py").write_text(THEIRS)
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
    ini = ["-c", str(tmp_path / "none.ini"), "--ds", "tests.settings", "--rootdir", str(tmp_path)]
    (tmp_path / "none.ini").write_text("[pytest]\n")
    done = run_warm([*command, *ini, str(tmp_path)], clean_environment())
    assert "2 passed" in done.stdout, done.stdout + done.stderr


@override_settings(CACHES={"default": LOCMEM, "sessions": SESSIONS})
class InATestCase(CachedTestMixin, TestCase):
    """Its rows are never committed, and are for the resources as if they were."""

    def resource(self) -> Resource[Any, str]:
        self.loads: list[str] = []

        async def load(slug: str) -> str:
            self.loads.append(slug)
            return (await Category.objects.aget(slug=slug)).name

        return Resource("category.of.a.test", load=load, policy=POLICY, tags=lambda slug: [f"category:{slug}"])

    @classmethod
    def setUpTestData(cls) -> None:
        Category.objects.create(slug="news", name="News")

    def test_a_row_of_the_test_is_loaded_once(self) -> None:
        resource = self.resource()
        assert resource.get_sync("news") == resource.get_sync("news") == "News"
        assert self.loads == ["news"]

    def test_a_write_of_the_test_is_seen_after_its_invalidation(self) -> None:
        resource = self.resource()
        with pytest.raises(NotThere):
            resource.get_sync("sport")
        Category.objects.create(slug="sport", name="Sport")
        with pytest.raises(NotThere):
            resource.get_sync("sport")
        invalidate_sync(["category:sport"])
        assert resource.get_sync("sport") == resource.get_sync("sport") == "Sport"
        assert self.loads == ["sport", "sport"]

    def test_a_transaction_of_the_code_that_has_written_is_one(self) -> None:
        resource = self.resource()
        assert resource.get_sync("news") == "News"
        with transaction.atomic():
            assert resource.get_sync("news") == "News"
            Category.objects.update(name="Changed")
            assert resource.get_sync("news") == "Changed", "from the database"
            with transaction.atomic():
                assert resource.get_sync("news") == "Changed"
        assert resource.get_sync("news") == "News", "from the cache: nobody has invalidated it"
        with transaction.atomic():
            assert resource.get_sync("news") == "News"
        assert self.loads == ["news"] * 3

    def test_time_is_moved_by_hand(self) -> None:
        resource = self.resource()
        resource.get_sync("news")
        self.clock.forward(7201)
        resource.get_sync("news")
        assert self.loads == ["news", "news"]

    async def test_async_tests_see_the_rows_too(self) -> None:
        resource = self.resource()
        assert await resource.get("news") == await resource.get("news") == "News"
        assert self.loads == ["news"]


def test_each_test_has_an_engine_of_its_own(alias):
    with isolated_cache():
        first = engine_of("default")
    with isolated_cache():
        assert engine_of("default") is not first


def test_it_can_be_used_without_pytest():
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from django.conf import settings; settings.configure()\n"
        "from content.caching.testing import CachedTestMixin, isolated_cache\n"
    )
    done = run_warm(["-c", code], clean_environment())
    assert done.returncode == 0, done.stderr
