"""One check: what readers get as fresh is compared with the database, and only what is wrong is reported."""

import asyncio
from datetime import timedelta

import pytest

from content.caching import Policy, Resource, expire, invalidate
from content.caching.cutoff import current_load
from content.caching.declarations import resources
from content.caching.dependencies import shown_in_passing
from content.caching.engines import engine_of
from content.caching.metrics.events import listen, total
from content.caching.verify import Options, Result, Verifier
from tests.support.caches import redis_cache, use_cache
from tests.support.engine import tag_index_of, wait_for_engine
from tests.support.source import Source
from tests.support.wait import wait_until_async

POLICY = Policy(ttl=timedelta(minutes=1), stale_ttl=timedelta(hours=1), jitter=0, early=0, ahead=0)


class Shop:
    """A price, and a page that shows it in passing. The source stands for the database."""

    def __init__(self) -> None:
        self.source, self.settled = Source(1), 0
        self.price = Resource("test_price", load=self.load_price, policy=POLICY, tags=lambda sku: (f"price:{sku}",))
        self.page = Resource("test_page", load=self.load_page, policy=POLICY, tags=lambda sku: (f"page:{sku}",))
        self.announced: list[str] = []
        self.verifier = Verifier(options=Options(share=1.0, settle=self.settle))

    async def load_price(self, sku: str) -> int:
        return await self.source.load(sku)

    async def load_page(self, sku: str) -> str:
        with shown_in_passing():
            return f"{self.source.values.get('page')} beside {await self.price.get(sku)}"

    async def settle(self) -> bool:
        """Relay a row of the outbox."""
        self.settled += 1
        if self.announced:
            await invalidate([self.announced.pop()])
        return True

    @property
    def key(self) -> str:
        return self.price.key(("a",))

    async def check(self, key: str = ""):
        return await self.verifier.check(key or self.key)


@pytest.fixture
async def shop(redis_server, clock):
    with use_cache(redis_cache(redis_server.url), clock):
        shop = Shop()
        await shop.price.get("a")
        yield shop
        await shop.verifier.checker.close()
    del resources["test_price"], resources["test_page"]


async def test_an_entry_as_the_database_has_it_is_consistent_in_both_tiers(shop):
    with listen() as events:
        result, found = await shop.check()
    assert (result, found) == (Result.CONSISTENT, None)
    assert total(events, "checked", "memory") == total(events, "checked", "shared") == 1
    # The load of the check was not stored.
    assert shop.source.count == 2
    assert total(events, "store") == 0


async def test_a_change_that_nobody_announced_is_found_named_and_repaired(shop):
    shop.source.value = 2
    result, found = await shop.check()
    assert result is Result.INCONSISTENT
    assert found.key == shop.key
    assert {"price:a", "resource:test_price"} <= set(found.tags)
    assert found.tier == "memory"
    assert found.repaired
    assert await shop.price.get("a") == 2
    assert (await shop.check())[0] is Result.CONSISTENT
    assert [each.key for each in shop.verifier.findings.read()] == [shop.key]


async def test_the_shared_tier_is_checked_by_itself(shop):
    shop.source.value = 2
    engine_of("default").memory.clear()
    _, found = await shop.check()
    assert found.tier == "shared"
    assert await shop.price.get("a") == 2


async def test_a_report_has_the_records_around_the_entry(shop):
    await invalidate(["price:a", "price:b"])
    await shop.price.get("a")
    await invalidate(["elsewhere"])
    shop.source.value = 2
    _, found = await shop.check()
    assert any("invalidate price:a, price:b" in line for line in found.log)
    assert any("invalidate elsewhere" in line for line in found.log)
    assert found.position <= found.tail


async def test_a_negative_answer_is_compared_too(shop):
    from content.caching import NotThere

    shop.source.error = NotThere("gone")
    _, found = await shop.check()
    assert "It has a value, the database no value." in str(found)


async def test_a_change_that_waits_in_the_outbox_is_no_inconsistency(shop):
    shop.source.value, shop.announced = 2, ["price:a"]
    assert await shop.check() == (Result.NOT_FRESH, None)
    assert shop.settled == 1


async def test_a_stale_entry_is_not_compared(shop):
    shop.source.value = 2
    await expire(["price:a"])
    assert await shop.check() == (Result.NOT_FRESH, None)
    assert shop.source.count == 1


async def test_an_entry_past_its_time_is_not_compared(shop, clock):
    shop.source.value = 2
    clock.forward(61)
    assert await shop.check() == (Result.NOT_FRESH, None)


async def test_a_page_that_shows_a_change_in_passing_is_stale_and_not_reported(shop):
    await shop.page.get("a")
    shop.source.value = 2
    await invalidate(["price:a"])
    assert await shop.check(shop.page.key(("a",))) == (Result.NOT_FRESH, None)


async def test_what_is_shown_in_passing_is_compared_as_it_is_stored(shop):
    """It may change by time, and announces it to the page by its value tag alone."""
    await shop.page.get("a")
    loads = shop.source.count
    assert (await shop.check(shop.page.key(("a",))))[0] is Result.CONSISTENT
    assert shop.source.count == loads


async def test_a_page_is_not_compared_while_what_it_shows_in_passing_is_not_stored(shop):
    await shop.page.get("a")
    engine = engine_of("default")
    engine.memory.drop(shop.key)
    await engine.shared.evict(shop.key)
    assert (await shop.check(shop.page.key(("a",))))[0] is Result.NOT_LOADED


async def test_a_page_is_not_compared_with_an_expired_value_that_nobody_has_read_since(shop):
    """Another process has stored the newer value; this one's memory has the older, until a reader asks for it."""
    memory = engine_of("default").memory
    older = memory.get(shop.key)
    shop.source.value = 2
    await expire(["price:a"])
    await shop.price.refresh("a")
    await shop.page.get("a")
    memory.put(shop.key, older, 100)
    assert (await shop.check(shop.page.key(("a",))))[0] is Result.CONSISTENT


async def test_a_page_is_not_compared_while_all_tiers_have_an_expired_value(shop):
    engine = engine_of("default")
    older, stored = engine.memory.get(shop.key), await engine.shared.lookup([shop.key])
    shop.source.value = 2
    await expire(["price:a"])
    await shop.price.refresh("a")
    await shop.page.get("a")
    engine.memory.put(shop.key, older, 100)
    await engine.shared.store(shop.key, stored[shop.key], 60.0, None)
    assert (await shop.check(shop.page.key(("a",))))[0] is Result.NOT_LOADED


async def test_a_load_in_flight_is_awaited(shop, monkeypatch):
    shop.source.value = 2
    shared, looks = engine_of("default").shared, []
    holder = shared.holder

    async def look(key: str) -> str | None:
        looks.append(await holder(key))
        return looks[-1]

    monkeypatch.setattr(shared, "holder", look)
    shop.source.hold()
    refresh = asyncio.create_task(shop.price.refresh("a"))
    await shop.source.loading.wait()
    shop.source.gate, held = asyncio.Event(), shop.source.gate
    shop.source.gate.set()
    check = asyncio.create_task(shop.check())

    async def has_looked() -> bool:
        return len(looks) >= 3

    await wait_until_async(has_looked, "the check waits for the lease")
    assert all(looks)
    assert not check.done()
    held.set()
    await refresh
    assert await check == (Result.CONSISTENT, None)


async def test_a_database_that_answers_differently_each_time_is_not_reported(shop):
    answers = iter(range(10, 100))

    async def during() -> None:
        shop.source.value = next(answers)

    shop.source.value, shop.source.during = 9, during
    assert (await shop.check())[0] is Result.UNSETTLED


async def test_what_the_site_leaves_out_is_not_compared(shop):
    shop.verifier.checker.comparable = lambda key, value: None
    shop.source.value = 2
    assert await shop.check() == (Result.LEFT_OUT, None)


async def test_a_loader_that_fails_is_skipped(shop):
    shop.source.error = RuntimeError("the database is down")
    assert await shop.check() == (Result.NOT_LOADED, None)


async def test_an_entry_that_is_served_though_a_record_invalidated_it(shop):
    """A second opinion: here the tag index has lost the record."""
    index = tag_index_of(engine_of("default"))
    index.observers.append(shop.verifier._observe)
    await invalidate(["price:a"])
    for known in index.last.values():
        known.clear()
    index.version += 1
    _, found = await shop.check()
    assert found.reason == "it is served though it was invalidated"
    assert "price:a by record" in found.difference


async def test_a_process_of_readers_loads_only_what_its_tiers_disagree_on(shop):
    shop.verifier.checker.loads_always = False
    assert (await shop.check())[0] is Result.MATCHED
    assert shop.source.count == 1
    engine = engine_of("default")
    held = engine.memory.nodes[shop.key].value
    held.value = 7
    _, found = await shop.check()
    assert found.tier == "memory"
    assert "differ" in found.difference


async def test_a_check_that_is_cancelled_leaves_nothing_behind(shop):
    from content.caching.transactions import bypasses

    shop.source.hold()
    check = asyncio.create_task(shop.check())
    await shop.source.loading.wait()
    check.cancel()
    await asyncio.wait([check])
    shop.source.release()
    await shop.verifier.checker.close()
    assert bypasses == []
    await invalidate(["price:a"])
    assert await shop.price.get("a") == 1
    await wait_for_engine()


async def test_repairs_of_one_key_are_rare(shop):
    shop.source.value = 2
    assert (await shop.check())[1].repaired
    shop.source.value = 3
    assert not (await shop.check())[1].repaired


async def test_readers_do_not_wait_for_a_check_that_hangs(shop):
    """Nor do they share its threads, its load or its slot."""
    gate, hangs = asyncio.Event(), asyncio.Event()

    async def during() -> None:
        if current_load.get() is not None:
            hangs.set()
            await gate.wait()

    shop.source.during = during
    check = asyncio.create_task(shop.check())
    await hangs.wait()
    assert await shop.price.get("a") == 1
    assert await asyncio.gather(*(shop.price.get(f"sku {number}") for number in range(50))) == [1] * 50
    assert await shop.price.refresh("a") == 1
    gate.set()
    assert await check == (Result.CONSISTENT, None)


async def test_loads_of_checks_run_one_at_a_time(shop):
    await shop.price.get("b")
    running, most = 0, 0

    async def during() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    shop.source.during = during
    await asyncio.gather(*(shop.check(shop.price.key((sku,))) for sku in "abab"))
    assert most == 1
