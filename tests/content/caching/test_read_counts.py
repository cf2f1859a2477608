"""Every read of an entry counts, in whatever tier it was; reads of workers do not."""

import asyncio
import logging
import threading
from datetime import timedelta

import pytest
from redis.exceptions import ResponseError

from content.caching import NotThere, Policy, Resource
from content.caching.backends.server import server_of
from content.caching.engines import engine_of
from content.caching.entry import CachedValue, Header, Stamp
from content.caching.heat import Heat
from content.caching.heat_collector import HeatCollector
from content.caching.metrics.reports import Description, Reporter
from content.caching.read_counts import MOST_NAMES, ReadCounts, reads
from content.caching.stores.memory import MemoryTier
from tests.support.caches import redis_cache, use_cache, with_a_log
from tests.support.engine import wait_for_engine
from tests.support.heat import heat_of, read_counts, send_reads

HOUR = Policy(ttl=timedelta(hours=1), stale_ttl=timedelta(hours=1), jitter=0)


async def load(key: str) -> str:
    if key == "gone":
        raise NotThere
    return key


@pytest.fixture
def book(alias) -> Resource:
    return Resource("counted", load=load, policy=HOUR)


async def send_and_read() -> dict[str, float]:
    await asyncio.to_thread(send_reads)
    return {name: count for name, count in (await read_counts(heat_of())).items() if name.startswith("counted:")}


# --- each tier --------------------------------------------------------------------------------------------


@with_a_log
async def test_a_load_a_hit_in_redis_and_hits_in_memory_count_once_each(book):
    await book.get("a")
    assert await send_and_read() == {"counted:a": 1}
    engine_of("default").memory.clear()
    await book.get("a")
    assert await send_and_read() == {"counted:a": 2}
    for _ in range(5):
        await book.get("a")
    assert await send_and_read() == {"counted:a": 7}
    assert await send_and_read() == {"counted:a": 7}


@with_a_log
async def test_readers_who_wait_for_one_load_count_each(book):
    await asyncio.gather(*(book.get("a") for _ in range(10)))
    assert await send_and_read() == {"counted:a": 10}


@with_a_log
async def test_stale_reads_count(book, clock):
    await book.get("a")
    clock.forward(4000)
    await book.get("a")
    assert await send_and_read() == {"counted:a": 2}
    await wait_for_engine()


@with_a_log
async def test_reads_of_threads_count(book):
    def read() -> None:
        for _ in range(3):
            book.get_sync("b")
        engine_of("default").memory.clear()
        book.get_sync("b")

    await asyncio.to_thread(read)
    assert await send_and_read() == {"counted:b": 4}


@with_a_log
async def test_what_is_not_there_has_no_heat(book):
    for _ in range(3):
        with pytest.raises(NotThere):
            await book.get("gone")
    assert await send_and_read() == {}


@with_a_log
async def test_reads_of_a_value_count_when_it_was_replaced_or_evicted_before_the_collection(book):
    for key in "ab":
        for _ in range(4):
            await book.get(key)
    await book.refresh("a")
    engine_of("default").memory.drop(book.entry_key(("b",), {}).key)
    assert await send_and_read() == {"counted:a": 4, "counted:b": 4}


async def test_with_heat_switched_off_nothing_is_counted(fresh_redis, clock):
    with use_cache(redis_cache(fresh_redis, HEAT=0), clock) as alias:
        assert engine_of(alias).heat is None
        send_reads()


# --- this process -----------------------------------------------------------------------------------------


def value(there: bool = True) -> CachedValue:
    return CachedValue(Header(0, 9, 9, 9, there, 0, (), Stamp("")), "x", True)


def test_a_process_that_is_excluded_counts_nothing():
    counts = ReadCounts()
    counts.begin()
    counts.exclude_process()
    counts.begin()
    counts.add("post:1")
    assert counts.collect([], lambda: None) == {}


def test_nor_does_it_count_what_its_memory_answered():
    counts, memory = ReadCounts(), MemoryTier[CachedValue](10**6)
    counts.exclude_process()
    memory.put("post@x:1", entry := value(), 10)
    entry.reads = 3
    assert counts.collect([memory], lambda: None) == {}


def test_without_a_collector_nothing_is_kept():
    counts = ReadCounts()
    counts.add("post:1")
    assert counts.counts == {}


def test_names_that_memory_does_not_have_are_bounded():
    counts = ReadCounts()
    counts.begin()
    for number in range(MOST_NAMES + 5):
        counts.add(f"post:{number}")
    counts.add("post:0")
    found = counts.collect([], lambda: None)
    assert len(found) == MOST_NAMES
    assert found["post:0"] == 2


def test_of_more_entries_in_memory_the_most_read_are_counted(monkeypatch):
    monkeypatch.setattr("content.caching.read_counts.MOST_NAMES", 2)
    memory: MemoryTier[CachedValue] = MemoryTier(10**6)
    for number in range(5):
        memory.put(f"post@x:{number}", entry := value(), 10)
        entry.reads = number
    assert ReadCounts().collect([memory], lambda: None) == {"post:4": 4, "post:3": 3}


def test_hits_during_collections_are_counted_once_each():
    memory: MemoryTier[CachedValue] = MemoryTier(10**6)
    entry = value()
    memory.put("post@x:1", entry, 10)
    counts, done = ReadCounts(), threading.Event()

    def read() -> None:
        for _ in range(50_000):
            entry.reads += 1
        done.set()

    thread, total = threading.Thread(target=read), 0.0
    thread.start()
    while not done.is_set():
        total += counts.collect([memory], lambda: None).get("post:1", 0)
    thread.join()
    assert total + counts.collect([memory], lambda: None).get("post:1", 0) == 50_000


# --- without Redis, and with errors -----------------------------------------------------------------------


@pytest.fixture
def collector(fresh_redis):
    return HeatCollector(Heat(server_of(fresh_redis, {}), "collector"), list)


def connect_to(url: str):
    client = server_of(url, {}).sync_client()
    return lambda: client


async def test_while_redis_is_down_counts_are_kept_and_sent_later(collector, fresh_redis, caplog):
    reads.add("post:1", 2)
    nowhere = connect_to("redis://127.0.0.1:1/0")
    collector.flush(nowhere)
    reads.add("post:1", 1)
    collector.flush(nowhere)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    collector.flush(connect_to(fresh_redis))
    assert await read_counts(collector.heat) == {"post:1": 3}
    collector.flush(connect_to(fresh_redis))
    assert await read_counts(collector.heat) == {"post:1": 3}


def test_while_redis_is_down_the_largest_counts_are_kept(collector, monkeypatch):
    monkeypatch.setattr("content.caching.heat_collector.MOST_NAMES", 3)
    for number in range(1, 6):
        reads.add(f"post:{number}", number)
    collector.flush(connect_to("redis://127.0.0.1:1/0"))
    assert set(collector.pending) == {"post:3", "post:4", "post:5"}


def test_counts_that_redis_refuses_hold_up_no_others(collector):
    class Refusing:
        def execute_command(self, *command: object) -> None:
            raise ResponseError("OOM command not allowed")

    reads.add("post:1")
    collector.flush(Refusing)
    assert collector.pending == {}


def test_the_thread_that_collects_outlives_every_error(fresh_redis, monkeypatch, caplog):
    for period in ("EVERY", "WAITS_EVERY"):
        monkeypatch.setattr(f"content.caching.metrics.reports.{period}", 0.001)
    passed = threading.Barrier(2)

    def collect(connect: object) -> None:
        passed.wait(30)
        raise RuntimeError("broken")

    reporter = Reporter(server_of(fresh_redis, {}), "broken", lambda: Description(0, 0, True, True), collect=collect)
    reporter.start()
    for _ in range(3):
        passed.wait(30)
    assert "could not be reported" in caplog.text
    reporter.collect = lambda connect: None
    passed.abort()
    reporter.stop()
