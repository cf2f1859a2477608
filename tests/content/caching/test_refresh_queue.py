"""A worker loads stale entries. Without one in time, the process of the reader loads them."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from content.caching import Policy, Resource, refresh
from content.caching import refresh_queue as due_module
from content.caching.engines import create_engine, engine_of
from content.caching.entry import NOWHERE
from content.caching.metrics.events import listen, total
from content.caching.refresh import entry_key_of
from content.caching.refresh_queue import RefreshQueue, RefreshRequest, is_portable
from content.caching.testing import Clock
from tests.content.caching.test_resource import HOUR, Book, resource
from tests.support.engine import wait_for_engine
from tests.support.source import Source
from tests.support.wait import wait_until_async

pytestmark = pytest.mark.parametrize("alias", ["redis", "cluster"], indirect=True)

SCHEMA = "abcdefgh"
STALE = Policy(ttl=HOUR.ttl, stale_ttl=HOUR.ttl, jitter=0, early=0, ahead=0)


@pytest.fixture
def queue(alias) -> RefreshQueue:
    return engine_of(alias).refresher.queue


@pytest.fixture
async def worker(alias, clock) -> AsyncIterator[None]:
    """Another engine, as another process has it, that does what is due."""
    engine = create_engine(alias)
    engine.clock = clock
    work = asyncio.create_task(engine.refresher.work())
    request = RefreshRequest("nobody's", SCHEMA, (), 0.0, NOWHERE)
    await wait_until_async(lambda: engine.refresher.queue.add(request), "the worker is there")
    yield
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def load_stale(source: Source, clock: Clock) -> Resource:
    """A book whose entry is stale: "old" is stored, and "new" is what a load would find."""
    source.values[1] = Book("old")
    book = resource(source, clock, policy=STALE)
    await book.get(1)
    clock.forward(STALE.ttl.total_seconds() + 1)
    source.values[1] = Book("new")
    return book


async def wait_for_value(book, pk: int, value: Book) -> None:
    async def is_loaded() -> bool:
        return await book.get(pk) == value

    await wait_until_async(is_loaded, f"{value} is loaded")


async def test_a_worker_loads_what_a_reader_found_stale(alias, source, clock, worker):
    book = await load_stale(source, clock)
    with listen() as events:
        assert await book.get(1) == Book("old")
        await wait_for_value(book, 1, Book("new"))
        # The listener sees this context alone: the load was another's.
        assert total(events, "load") == total(events, "late") == 0
    assert source.loads == [1, 1]


async def test_a_worker_loads_many_at_once(alias, source, clock, worker):
    asked = []

    async def load_many(keys):
        asked.append(sorted(keys))
        return {key: source.values[key] for key in keys}

    source.values.update({number: Book("old") for number in range(20)})
    book = resource(source, clock, policy=STALE, load_many=load_many)
    await book.get_many(range(20))
    clock.forward(STALE.ttl.total_seconds() + 1)
    source.values.update({number: Book("new") for number in range(20)})
    assert set((await book.get_many(range(20))).values()) == {Book("old")}
    for number in range(20):
        await wait_for_value(book, number, Book("new"))
    assert len(asked) + len(source.loads) < 10


async def test_a_worker_that_died_is_not_waited_for_long(alias, source, clock, queue, monkeypatch):
    monkeypatch.setattr(refresh, "WORKER_CHECKS", (0.02, 0.05))
    book = await load_stale(source, clock)
    await queue.take(1)  # a sign of life, and the last
    with listen() as events:
        assert await book.get(1) == Book("old")
        await wait_for_value(book, 1, Book("new"))
    assert total(events, "late") == 1
    assert source.loads == [1, 1]


async def test_without_a_worker_it_is_done_here_and_at_once(alias, source, clock, queue):
    book = await load_stale(source, clock)
    with listen() as events:
        assert await book.get(1) == Book("old")
        await wait_for_value(book, 1, Book("new"))
    assert total(events, "late") == 0
    assert await queue.count() == 0


async def test_what_was_stored_meanwhile_is_not_loaded_again(alias, source, clock, queue):
    source.values[1] = Book("one")
    book = resource(source, clock, policy=STALE)
    await book.get(1)
    await queue.take(1)
    assert await queue.add(RefreshRequest("book", book.schema, (1,), clock() - 100, NOWHERE))
    assert await engine_of(alias).refresher.drain() == 0
    assert await queue.add(RefreshRequest("book", book.schema, (1,), clock(), NOWHERE))
    assert await engine_of(alias).refresher.drain() == 1
    assert source.loads == [1, 1]


async def test_what_is_stored_before_the_lease_is_had_is_not_loaded_again(alias, source, clock, queue, monkeypatch):
    """1. A worker takes what is due. 2. Another stores it, and lets go of its lease. 3. The worker gets that."""
    source.values[1] = Book("one")
    book = resource(source, clock)
    await book.get(1)
    engine = engine_of(alias)
    stale, lease = RefreshRequest("book", book.schema, (1,), clock(), NOWHERE), engine.shared.tier.lease

    async def had_late(keys, token, seconds):
        clock.forward(1)
        await book.set(Book("two"), 1)
        return await lease(keys, token, seconds)

    monkeypatch.setattr(engine.shared.tier, "lease", had_late)
    assert await engine.refresher.refresh_batch([stale]) == 0
    assert source.loads == [1]
    assert await engine.shared.holder(entry_key_of(stale).key) is None


async def test_one_member_a_key_however_many_ask(alias, queue):
    await queue.take(1)
    first = RefreshRequest("book", SCHEMA, (1,), 1.0, NOWHERE)
    second = RefreshRequest("book", SCHEMA, (1,), 2.0, (5, 0))
    assert await asyncio.gather(*(queue.add(each) for each in (first, second, second))) == [True] * 3
    assert await queue.count() == 1
    assert await queue.take(10) == [second]
    assert await queue.take(10) == []


async def test_the_oldest_come_first_and_each_goes_to_one_taker(alias, queue):
    await queue.take(1)
    members = [RefreshRequest("book", SCHEMA, (number, ("a", None, 1.5, True)), 1.0, (1, 2)) for number in range(30)]
    for member in members:
        await queue.add(member)
    taken = await asyncio.gather(*(queue.take(10) for _ in range(4)))
    assert [member for batch in taken for member in batch] == members


async def test_the_set_is_bounded(alias, queue, monkeypatch):
    monkeypatch.setattr(due_module, "MAX_QUEUED", 5)
    await queue.take(1)
    answers = [await queue.add(RefreshRequest("book", SCHEMA, (number,), 1.0, NOWHERE)) for number in range(8)]
    assert answers == [True] * 5 + [False] * 3
    assert await queue.add(RefreshRequest("book", SCHEMA, (2,), 2.0, NOWHERE)) is True


async def test_unknown_and_unreadable_requests_end_no_worker(alias, source, clock, queue, worker):
    source.values[1] = Book("one")
    book = resource(source, clock, policy=STALE)
    await book.get(1)
    await queue.add(RefreshRequest("no such resource", SCHEMA, (1,), 0.0, NOWHERE))
    await queue.add(RefreshRequest("book", book.schema, (1, 2, 3), 0.0, NOWHERE))
    for garbage in (b"\xc1", b"", secrets.token_bytes(30)):
        await queue.run("redis.call('ZADD', KEYS[1], 0, ARGV[1]) redis.call('RPUSH', KEYS[3], '1')", garbage)
    clock.forward(1)
    await queue.add(RefreshRequest("book", book.schema, (1,), clock(), NOWHERE))
    await wait_until_async(lambda: len(source.loads) == 2, "it is loaded again")


async def test_a_loader_that_fails_ends_no_worker(alias, source, clock, queue, worker):
    source.values.update({1: Book("one"), 2: Book("two")})
    book = resource(source, clock, policy=STALE)
    await book.get_many([1, 2])

    async def fail():
        if source.loads[-1] == 1:
            raise RuntimeError("no")

    source.during = fail
    clock.forward(STALE.ttl.total_seconds() + 1)
    source.values[2] = Book("new")
    assert await book.get(1) == Book("one")
    await wait_until_async(lambda: source.loads.count(1) == 2, "the worker's load fails")
    assert await book.get(2) == Book("two")
    await wait_for_value(book, 2, Book("new"))


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [((1, "a", None, 1.5, True, (1, ("b",))), True), ((object(),), False), (([1],), False), ((), True)],
)
def test_only_what_survives_the_journey_is_sent(alias, parameters, expected):
    assert is_portable(parameters) is expected


# --- ahead of its time ----------------------------------------------------------------------------------

AHEAD = Policy(ttl=HOUR.ttl, stale_ttl=HOUR.ttl, jitter=0, early=0, ahead=0.1)


async def test_a_hot_entry_is_loaded_again_before_its_time(alias, source, clock):
    source.values[1] = Book("one")
    book = resource(source, clock, policy=AHEAD)
    for _ in range(12):
        await book.get(1)
    clock.forward(3600 * 0.89)
    await book.get(1)
    await wait_for_engine()
    assert source.loads == [1]
    clock.forward(3600 * 0.02)
    with listen() as events:
        await book.get(1)
        await wait_until_async(lambda: len(source.loads) == 2, "it is loaded again")
    assert total(events, "stale") == 0


async def test_one_that_is_seldom_read_is_not(alias, source, clock):
    source.values[1] = Book("one")
    book = resource(source, clock, policy=AHEAD)
    await book.get(1)
    clock.forward(3600 * 0.95)
    await book.get(1)
    await wait_for_engine()
    assert source.loads == [1]
