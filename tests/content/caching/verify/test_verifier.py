"""The verifier of a process: it chooses entries after records and at random, within its budget, or not at all."""

import asyncio
import threading
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import pytest

from content.caching import Policy, Resource, invalidate
from content.caching.declarations import resources
from content.caching.engines import engine_of
from content.caching.metrics.events import current_totals
from content.caching.verify import Options, Verifier
from content.caching.verify import verifier as verifier_module
from content.caching.verify.past_cache import SAVED, Budget
from content.caching.verify.sampler import DELAYS, MOST_CHECKS, Sampler, Schedule
from tests.support.caches import LOCMEM, redis_cache, use_cache
from tests.support.engine import tag_index_of
from tests.support.source import Source
from tests.support.wait import wait_until_async

POLICY = Policy(ttl=timedelta(minutes=10), stale_ttl=timedelta(hours=1), jitter=0, early=0, ahead=0)
SETTLED = asyncio.Event()


async def settle() -> bool:
    return True


@pytest.fixture
async def source(redis_server, monkeypatch):
    monkeypatch.setattr(verifier_module, "RANDOM_EVERY", 0.05)
    with use_cache(redis_cache(redis_server.url), time.time):
        source = Source(1)

        async def load(sku: str) -> int:
            return await source.load(sku)

        source.price = Resource("test_price", load=load, policy=POLICY, tags=lambda sku: (f"price:{sku}",))
        for sku in "abcdef":
            await source.price.get(sku)
        yield source
    del resources["test_price"]


@asynccontextmanager
async def running(**options):
    verifier = Verifier(options=Options(settle=settle, **options))
    task = asyncio.create_task(verifier.run())
    try:
        yield verifier
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


def wait_until_found(verifier: Verifier, sku: str, source: Source):
    key = source.price.key((sku,))

    async def is_found() -> bool:
        return any(each.key == key for each in await asyncio.to_thread(verifier.findings.read))

    return wait_until_async(is_found, f"{key} is found")


async def test_what_a_record_did_not_reach_is_found_after_it(source, monkeypatch):
    """A record for a and b; the index forgets what it says of a."""
    index = tag_index_of(engine_of("default"))
    apply = index.apply

    def apply_in_part(records) -> None:
        apply(records)
        for known in index.last.values():
            known.pop("price:a", None)

    async with running(share=1.0, scans=False) as verifier:
        monkeypatch.setattr(index, "apply", apply_in_part)
        source.values |= {"a": 2, "b": 2}
        await invalidate(["price:a", "price:b"])
        await wait_until_found(verifier, "a", source)
        monkeypatch.undo()
        [finding] = [each for each in verifier.findings.read() if each.key == source.price.key(("a",))]
        assert any("invalidate price:a, price:b" in line and finding.record in line for line in finding.log)
    assert await source.price.get("a") == 2


async def test_entries_that_no_record_named_are_found_at_random(source):
    async with running(share=1.0) as verifier:
        source.values["d"] = 7
        await wait_until_found(verifier, "d", source)


async def test_entries_of_the_shared_tier_alone_are_found_too(source):
    engine_of("default").memory.clear()
    async with running(share=1.0) as verifier:
        source.values["c"] = 7
        await wait_until_found(verifier, "c", source)


async def test_the_shared_tier_is_scanned_without_reading_values(source, monkeypatch):
    engine = engine_of("default")
    engine.memory.clear()

    async def refuse(keys) -> None:
        raise AssertionError("values are read")

    monkeypatch.setattr(engine.shared.tier, "lookup", refuse)
    sampler = Sampler(engine, scans=True)
    assert set(await sampler.scan(10)) == {source.price.key((sku,)) for sku in "abcdef"}
    sampler = Sampler(engine, scans=True)
    await sampler.any_keys()
    assert await sampler.keys_with({"price:a"}, 4) == [source.price.key(("a",))]


async def test_after_it_ends_nothing_of_it_is_left(source):
    before = threading.active_count(), len(tag_index_of(engine_of("default")).observers)
    async with running(share=1.0):
        pass
    assert (threading.active_count(), len(tag_index_of(engine_of("default")).observers)) == before


async def test_in_a_thread_it_starts_and_stops(source):
    verifier = Verifier(options=Options(share=1.0, settle=settle))
    verifier.start()
    source.values["d"] = 7
    await wait_until_found(verifier, "d", source)
    await asyncio.to_thread(verifier.stop)
    await wait_until_async(partial(has_ended, verifier), "its thread has ended")


async def test_stopped_at_once_it_does_not_run(source):
    """A server may end before the thread has begun."""
    verifier = Verifier(options=Options(share=1.0, settle=settle))
    gate = threading.Event()
    verifier._run_in_thread = lambda: [gate.wait(20), Verifier._run_in_thread(verifier)]
    verifier.start()
    stopping = asyncio.create_task(asyncio.to_thread(verifier.stop))
    await wait_until_async(partial(is_told_to_stop, verifier), "it is told to stop")
    gate.set()
    await stopping
    await wait_until_async(partial(has_ended, verifier), "its thread has ended")


async def has_ended(verifier: Verifier) -> bool:
    return not verifier._thread.is_alive()


async def is_told_to_stop(verifier: Verifier) -> bool:
    return verifier._is_stopped


async def test_a_cache_without_a_log_cannot_be_verified():
    with use_cache(LOCMEM, time.time), pytest.raises(ValueError, match="no invalidation log"):
        Verifier()


# --- the budget -------------------------------------------------------------------------------------------


async def test_the_budget_of_all_processes_is_one(redis_server, source):
    server = engine_of("default").ordering.log.server
    first, second = Budget(server, "test-budget", 0.5), Budget(server, "test-budget", 0.5)
    assert await first.seconds_to_wait() == 0
    await first.charge(SAVED + 1.0)
    assert 1.5 < await second.seconds_to_wait() <= 2.0
    await second.charge(0.5)
    assert 2.5 < await first.seconds_to_wait() <= 3.0


async def test_a_time_of_another_program_does_not_stop_it(redis_server, source):
    server = engine_of("default").ordering.log.server
    budget = Budget(server, "test-alien", 0.5)
    with redis_server.client() as client:
        for alien in (b"1e300", b"nan", b"inf", b"text", b"-5"):
            client.set(budget.key, alien)
            assert await budget.seconds_to_wait() == 0, alien
        client.delete(budget.key)
        client.lpush(budget.key, "a list")
        assert await budget.seconds_to_wait() == 0


async def test_checks_stay_within_the_budget(source):
    """Each load takes 50 ms, of which a tenth is charged: 5 ms."""
    before = current_totals()["verify_seconds", "test_price", ""]

    async def during() -> None:
        await asyncio.sleep(0.05)

    source.during = during
    share, began, loads = 0.02, time.monotonic(), source.count
    async with running(share=share, sample=100):
        for number in range(40):
            await invalidate([f"price:{sku}" for sku in "abc"] if number % 2 else ["price:d"])
            await source.price.get("a")
            await asyncio.sleep(0.02)
        elapsed = time.monotonic() - began
    spent = current_totals()["verify_seconds", "test_price", ""] - before
    assert source.count > loads + 20
    assert 0 < spent <= share * elapsed + SAVED + 0.05


# --- what is due ------------------------------------------------------------------------------------------


def test_an_entry_is_checked_at_once_and_after_1_5_and_60_seconds(clock):
    schedule, due = Schedule(clock), []
    schedule.add("key", "1-0")
    began = clock.now
    for _ in range(70):
        while schedule.take() is not None:
            due.append(clock.now - began)
        clock.forward(1)
    assert tuple(due) == DELAYS
    assert len(schedule) == 0


def test_a_key_that_is_invalidated_all_the_time_has_one_check_of_each_delay(clock):
    schedule = Schedule(clock)
    for _ in range(100):
        assert schedule.add("key") == 0
    assert len(schedule) == len(DELAYS)


def test_checks_are_bounded_and_those_that_are_late_are_given_up(clock):
    schedule = Schedule(clock)
    left_out = sum(schedule.add(f"key {number}") for number in range(MOST_CHECKS))
    assert len(schedule) == MOST_CHECKS
    assert left_out == (len(DELAYS) - 1) * MOST_CHECKS
    clock.forward(120)
    assert schedule.take() is None
    assert len(schedule) == 0
