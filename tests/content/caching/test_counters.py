"""Tags as counters in a cache without a log, where another program has written to them (I15)."""

import pytest
from django.core.cache import caches

from content.caching import Policy, Resource, invalidate
from content.caching.key import tag_key
from content.caching.ordering.counters import GENERATION
from tests.content.caching.test_resource import HOUR
from tests.support.source import Source

pytestmark = pytest.mark.parametrize("alias", ["locmem", "memcached"], indirect=True)


@pytest.mark.parametrize("key", [GENERATION, tag_key("a"), f"soft-{tag_key('a')}"])
@pytest.mark.parametrize("garbage", ["alien", "12x", b"\xff", 1.5, [1], -7, True])
async def test_i15_a_counter_that_is_no_number_counts_again(alias, key, garbage):
    source = Source(value=0)

    async def load() -> int:
        return await source.load()

    resource = Resource("counted", load=load, policy=Policy(ttl=HOUR.ttl), tags=lambda: ("a",))
    assert await resource.get() == 0
    await invalidate(["b"])
    await caches["default"].aset(key, garbage, timeout=None)
    source.value = 1
    await invalidate(["a"])
    assert await resource.get() == 1, "the invalidation is not lost"
    source.value = 2
    await invalidate(["a"])
    assert await resource.get() == 2
    loads = source.count
    assert [await resource.get() for _ in range(3)] == [2] * 3
    assert source.count == loads, "caching is back"
