"""The promises of each shared tier, and what readers get when a tier breaks them."""

import asyncio
import time

import msgspec
import pytest

from content.caching import NotThere, Policy, Resource, invalidate
from content.caching.engines import engine_of
from content.caching.lease import Lease
from content.caching.metrics.events import listen, total
from content.caching.stores import failsafe
from content.caching.stores.blocking import blocking_tier
from content.caching.stores.failsafe import FAILURES
from content.caching.stores.shared import RedisTier
from content.caching.testing import (
    always_delay,
    always_throw,
    assert_fresh,
    assert_not_served,
    assert_stale,
    chaos,
    garbage,
)
from tests.content.caching.test_resource import HOUR, Book, resource
from tests.support.caches import on_every_cache
from tests.support.wait import wait_until_async

pytestmark = on_every_cache


@pytest.fixture
def tier(alias):
    return engine_of(alias).shared.tier


@pytest.fixture
def is_exact(tier) -> bool:
    """Whether it counts milliseconds, as Redis does; other caches count whole seconds."""
    return isinstance(tier, RedisTier)


# --- one contract ---------------------------------------------------------------------------------------


async def test_what_is_stored_is_found(tier):
    assert await tier.store("a", b"one", 60, None)
    assert await tier.store("b", b"\x00\xff" * 5000, 60, None)
    assert await tier.lookup(["a", "b", "c"]) == {"a": b"one", "b": b"\x00\xff" * 5000}
    assert await tier.lookup([]) == {}


async def test_what_is_evicted_is_gone(tier):
    await tier.store("a", b"one", 60, None)
    await tier.evict("a")
    assert await tier.lookup(["a"]) == {}


async def test_a_lease_is_one_holders(tier):
    assert await tier.lease(["a", "b"], "first", 60) == ["a", "b"]
    assert await tier.lease(["a", "c"], "second", 60) == ["c"]
    assert await tier.holder("a") == "first"
    assert await tier.holder("nothing") is None


async def test_a_reader_takes_over_a_lease_of_the_background_on_redis_and_no_other(tier, is_exact):
    await tier.lease(["a", "b"], "~worker", 60)
    assert await tier.lease(["a"], "~another worker", 60) == []
    assert await tier.lease(["a"], "a refresh", 60) == []
    assert await tier.lease(["a"], "!reader", 60) == (["a"] if is_exact else [])
    assert await tier.lease(["a"], "!another reader", 60) == []
    assert await tier.store("a", b"by the worker", 60, "~worker") is not is_exact
    blocking = blocking_tier(tier)
    _, ours = await blocking.lookup_or_lease(["b"], "!thread", 60, always=True)
    assert ours == (["b"] if is_exact else [])


async def test_the_next_holder_of_a_lease_sees_what_the_last_one_stored(tier, monkeypatch):
    """For leases and looks travel together only where they are answered in order."""
    if tier.answers_in_order:
        for number in range(20):
            key = f"key-{number}"
            _, found = await asyncio.gather(tier.store(key, b"one", 60, None), tier.lookup([key]))
            assert found == {key: b"one"}
        return
    lease = tier.lease

    async def late_lease(*arguments):
        got = await lease(*arguments)
        await tier.store("key", b"one", 60, None)
        return got

    monkeypatch.setattr(tier, "lease", late_lease)
    ours, found = await Lease(tier, 60).acquire(["key"], lambda: tier.lookup(["key"]))
    assert (ours, found) == (["key"], {"key": b"one"})


async def test_a_lease_that_was_let_go_is_free(tier):
    await tier.lease(["a"], "first", 60)
    await tier.release("a", "second")
    assert await tier.holder("a") == "first"
    await tier.release("a", "first")
    assert await tier.lease(["a"], "second", 60) == ["a"]


async def test_i12_a_lease_in_doubt_is_let_go_though_no_reader_comes(alias, tier, monkeypatch):
    monkeypatch.setattr(failsafe, "SECONDS_BETWEEN_RELEASES", 0.02)
    shared = engine_of(alias).shared
    with chaos(always_throw()):
        assert await shared.lease(["a"], "ours", 60) == ["a"]
    # A command that was sent before is executed when the tier is back.
    await tier.lease(["a"], "ours", 60)
    await asyncio.gather(*shared.tasks)
    assert await tier.holder("a") is None


async def test_entries_and_leases_end_and_leases_are_renewed_by_their_holders_alone(tier, is_exact):
    # Memcached may take up to a second off.
    soon = 0.05 if is_exact else 2
    await tier.store("entry", b"one", soon, None)
    await tier.lease(["a", "b"], "first", soon)
    assert await tier.renew("a", "first", 60)
    assert not await tier.renew("a", "second", 60)

    async def have_ended() -> bool:
        return await tier.lookup(["entry"]) == {} and await tier.holder("b") is None

    await wait_until_async(have_ended, "the entry and the lease of b end", 10)
    assert await tier.holder("a") == "first"
    assert await tier.lease(["b"], "second", 60) == ["b"]
    assert not await tier.renew("b", "first", 60)


async def test_a_process_without_the_lease_stores_nothing(tier):
    await tier.lease(["a"], "first", 60)
    assert not await tier.store("a", b"by second", 60, "second")
    assert await tier.lookup(["a"]) == {}
    assert await tier.store("a", b"by first", 60, "first")
    assert await tier.holder("a") is None
    assert not await tier.store("a", b"again", 60, "first")
    assert await tier.lookup(["a"]) == {"a": b"by first"}


async def test_one_of_many_gets_the_lease(tier):
    got = await asyncio.gather(*(tier.lease(["a"], str(number), 60) for number in range(50)))
    assert sorted(got) == [[]] * 49 + [["a"]]


async def test_numbers_are_added_once_and_counted_by_the_cache(tier):
    await tier.add_number("n", 41)
    await tier.add_number("n", 7)
    assert await tier.numbers(["n", "m"]) == {"n": 41}
    assert await tier.cache.aincr("n") == 42
    assert await tier.numbers(["n"]) == {"n": 42}


# --- what readers get --------------------------------------------------------------


async def test_an_entry_is_fresh_then_stale_then_not_served(alias, source, clock):
    source.values[1] = Book("one")
    book = resource(source, clock, policy=Policy(ttl=HOUR.ttl, stale_ttl=HOUR.ttl, jitter=0, early=0))
    await assert_not_served(book, 1)
    await book.get(1)
    await assert_fresh(book, 1)
    with pytest.raises(AssertionError, match=r"book\(1,\) is not stale"):
        await assert_stale(book, 1)
    with pytest.raises(AssertionError, match="would be served"):
        await assert_not_served(book, 1)
    clock.forward(3601)
    await assert_stale(book, 1)
    with pytest.raises(AssertionError, match="is not fresh"):
        await assert_fresh(book, 1)
    clock.forward(3600)
    await assert_not_served(book, 1)


async def test_what_is_expired_is_stale_and_what_is_invalidated_is_not_served(alias, source, clock):
    source.values[1] = Book("one")
    book = resource(source, clock, policy=Policy(ttl=HOUR.ttl, stale_ttl=HOUR.ttl, jitter=0, early=0))
    await book.get(1)
    await book.expire(1)
    await assert_stale(book, 1)
    await book.invalidate(1)
    await assert_not_served(book, 1)


# --- chaos around any -----------------------------------------------------------------------------------


async def test_i5_a_tier_that_always_fails_is_no_readers_error(alias, source, clock):
    source.values[1] = Book("one")
    book = resource(source, clock)
    with chaos(always_throw()), listen() as events:
        for _ in range(20):
            assert await book.get(1) == Book("one")
        with pytest.raises(NotThere):
            await book.get(2)
        assert await book.get_many([1, 2]) == {1: Book("one")}
        await book.refresh(1)
        source.values[1] = Book("two")
        await invalidate(["book:1"])
        assert await book.get(1) == Book("two")
    assert total(events, "failed") == 0
    assert await book.get(1) == Book("two")


async def test_i5_what_fails_is_asked_seldom(alias, source, clock):
    asked = []

    def counting(name, call):
        asked.append(name)
        raise ConnectionError

    source.values.update({number: Book(str(number)) for number in range(50)})
    book = resource(source, clock)
    with chaos(counting):
        for number in range(50):
            assert await book.get(number) == Book(str(number))
    # One reader may have several calls in progress when the breaker opens.
    assert len(asked) <= FAILURES + 3


async def test_a_tier_that_is_slow_is_right(alias, source, clock):
    source.values[1] = Book("one")
    book = resource(source, clock)
    with chaos(always_delay(0.02)):
        assert await asyncio.gather(*(book.get(1) for _ in range(20))) == [Book("one")] * 20
        assert source.loads == [1]
        source.values[1] = Book("two")
        await invalidate(["book:1"])
        assert await book.get(1) == Book("two")


@pytest.mark.parametrize(
    "content", [b"", b"\x02", b"\x02\xff\xff\xff\xffgarbage", "text", 7, None, [1], b"\x80" * 5000]
)
async def test_i9_garbage_is_a_counted_miss(alias, source, clock, content):
    source.values[1] = Book("one")
    book = resource(source, clock)
    await book.get(1)
    engine = engine_of(alias)
    if engine.memory is not None:
        engine.memory.clear()
    with chaos(garbage(content)), listen() as events:
        assert await book.get(1) == Book("one")
        assert (await book.get_many([1, 1]))[1] == Book("one")
    assert total(events, "unreadable") >= 1


async def test_a_value_that_is_too_large_is_answered_and_not_kept(alias, source, clock):
    """Past the resource's bound, and past what Memcached takes."""
    noise = "".join(chr(33 + (number * number) % 90) for number in range(3000))

    async def load(size: int) -> str:
        source.loads.append(size)
        return msgspec.json.encode([noise] * (size // 3000)).decode()

    text = Resource("text", load=load, policy=HOUR, largest=2_000_000)
    for _ in range(2):
        assert len(await text.get(3_000_000)) >= 3_000_000
        assert await engine_of(alias).shared.holder(text.entry_key((3_000_000,), {}).key) is None
    assert engine_of(alias).shared.breaker.failures == 0


async def test_a_reader_waits_no_longer_than_its_policy_says(alias, source, clock):
    """A loader that hangs behind a tier that works."""

    async def load() -> int:
        await asyncio.sleep(60)
        return 1

    slow = Resource("slow", load=load, policy=Policy(ttl=HOUR.ttl, hard_timeout=HOUR.ttl / 36_000))
    began = time.monotonic()
    with pytest.raises(Exception, match="has not loaded within"):
        await slow.get()
    assert time.monotonic() - began < 30
