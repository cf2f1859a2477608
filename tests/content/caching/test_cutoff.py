"""Rule 21: a derived value that comes out the same makes nothing stale, and each change of it does."""

import asyncio
from datetime import timedelta

import pytest

from content.caching import Policy, Resource, expire, invalidate
from content.caching.cutoff import read_derived_values
from content.caching.declarations import resources
from content.caching.dependencies import shown_in_passing, track_dependencies
from content.caching.engines import engine_of
from content.caching.errors import NotAppended
from content.caching.key import value_tag
from tests.support.caches import memcached_cache, redis_cache, use_cache
from tests.support.engine import wait_for_engine
from tests.support.source import Source
from tests.support.wait import wait_until_async

POLICY = Policy(ttl=timedelta(minutes=1), stale_ttl=timedelta(hours=1), jitter=0, early=0, ahead=0)
LONG = Policy(ttl=timedelta(hours=2), stale_ttl=timedelta(hours=2), jitter=0, early=0, ahead=0)


class Site:
    """A ranking made of rows, and a page that shows it in passing."""

    def __init__(self) -> None:
        self.source, self.renders = Source([3, 1, 2]), 0
        self.ranking = Resource(
            "test_ranking", load=self.load_ranking, policy=POLICY, tags=lambda: ("posts",), cutoff=True
        )
        self.page = Resource("test_page", load=self.load_page, policy=LONG, tags=lambda: ("page",))

    async def load_ranking(self) -> list[int]:
        return await self.source.load()

    async def load_page(self) -> str:
        self.renders += 1
        with shown_in_passing():
            return str(await self.ranking.get())

    async def is_fresh(self) -> bool:
        return await self.page.fresh_for() > 0


@pytest.fixture
async def site(redis_server, clock):
    """The ranking is stored: its first load counts as a change, which a page that waited for it would be behind."""
    with use_cache(redis_cache(redis_server.url), clock):
        site = Site()
        await site.ranking.get()
        yield site
    del resources["test_ranking"], resources["test_page"]


async def test_a_page_carries_the_value_and_nothing_that_it_is_made_of(site):
    with track_dependencies() as dependencies:
        await site.page.get()
    assert {f"~{value_tag(site.ranking.key(()))}", "~resource:test_ranking"} <= dependencies.tags
    assert not {"posts", "~posts"} & dependencies.tags


async def test_what_needs_the_value_carries_all_that_it_is_made_of(site):
    with track_dependencies() as dependencies:
        await site.ranking.get()
    assert "posts" in dependencies.tags


async def test_the_same_value_makes_nothing_stale(site):
    await site.page.get()
    for _ in range(3):
        await invalidate(["posts"])
        await site.ranking.get()
        assert await site.is_fresh()
    await site.page.get()
    assert site.renders == 1


async def test_each_change_makes_it_stale_and_cuts_off_again_afterwards(site):
    await site.page.get()
    for value in ([1, 2], [1, 3], [3, 1, 2]):
        site.source.value = value
        await invalidate(["posts"])
        await site.ranking.get()
        assert not await site.is_fresh()
        await site.page.refresh()
        assert await site.is_fresh()
        await invalidate(["posts"])
        await site.ranking.get()
        assert await site.is_fresh(), "it came out the same"


async def test_a_ranking_that_changed_by_time_makes_it_stale(site, clock):
    """Views are no writes: no record names them."""
    await site.page.get()
    site.source.value = [2, 1, 3]
    clock.forward(61)
    assert await site.is_fresh()
    await site.ranking.refresh()
    assert not await site.is_fresh()


async def test_a_page_made_of_the_old_value_during_its_change_is_stale(site):
    """The record is appended before the new value is stored."""
    await site.ranking.get()
    site.source.value = [2]
    site.source.hold()
    refresh = asyncio.ensure_future(site.ranking.refresh())
    await wait_until_async(site.source.loading.is_set, "the load has begun")
    await site.page.get()
    site.source.release()
    await refresh
    assert not await site.is_fresh()


async def test_an_evicted_value_counts_as_changed(site):
    await site.page.get()
    engine = engine_of("default")
    await engine.shared.evict(site.ranking.key(()))
    engine.memory.clear()
    site.source.value = [9]
    await site.ranking.get()
    assert not await site.is_fresh()


async def test_an_old_value_behind_the_last_announcement_counts_as_changed(site):
    """Its maker announced a change, and died before it stored the new value."""
    await expire([value_tag(site.ranking.key(()))])
    before = engine_of("default").ordering.tag_index.tail
    await site.ranking.refresh()
    assert engine_of("default").ordering.tag_index.tail > before, "a record for the value"


async def test_a_value_that_was_overtaken_is_not_stored_at_its_announcement(site):
    site.source.value = [1]
    site.source.hold()
    refresh = asyncio.ensure_future(site.ranking.refresh())
    await wait_until_async(site.source.loading.is_set, "the load has read its rows")
    site.source.value = [2]
    await invalidate(["posts"])
    site.source.release()
    await refresh
    assert await site.ranking.get() == [2]


async def test_a_value_of_another_epoch_counts_as_changed(site):
    await site.ranking.get()
    engine = engine_of("default")
    epoch = engine.ordering.tag_index.epoch
    engine.ordering.log.reader.stream.drop_epoch()
    await wait_until_async(lambda: engine.ordering.tag_index.epoch not in (epoch, ""), "another epoch was joined")
    before = engine.ordering.tag_index.tail
    await site.ranking.get()
    assert engine.ordering.tag_index.tail > before, "a record for the value"


async def test_a_refused_record_keeps_the_value_from_being_stored(site, monkeypatch):
    """The reader has it all the same."""
    await site.page.get()
    engine = engine_of("default")
    site.source.value = [7]

    async def refuse(*arguments: object) -> None:
        raise NotAppended("full")

    await invalidate(["posts"])
    monkeypatch.setattr(engine.ordering, "append", refuse)
    assert await site.ranking.get() == [7]
    stored = await engine.tiers.lookup([site.ranking.entry_key((), {})])
    assert all(engine.ordering.judge_now(value.header).value == "invalid" for value in stored.values())


async def test_values_that_nobody_reads_are_made_again(site):
    await site.page.get()
    site.source.value = [5]
    await invalidate(["posts"])
    assert await site.is_fresh(), "the page does not know yet"
    await read_derived_values()
    assert not await site.is_fresh()


async def test_a_loader_that_fails_keeps_no_other_from_being_read(site, caplog):
    await invalidate(["posts"])
    site.source.error = RuntimeError("broken")
    others = Source(1)
    other = Resource("test_zeta", load=others.load, policy=POLICY, cutoff=True)
    other.arity = 0
    try:
        await read_derived_values()
    finally:
        del resources["test_zeta"]
    assert "test_ranking cannot be made again" in caplog.text
    assert others.count == 1


async def test_counters_show_the_value_by_its_own_tags(memcached_server, clock):
    with use_cache(memcached_cache(memcached_server.url), clock):
        site = Site()
        with track_dependencies() as dependencies:
            await site.page.get()
        assert "~posts" in dependencies.tags
        site.source.value = [4]
        await invalidate(["posts"])
        await wait_for_engine()
        assert not await site.is_fresh()
