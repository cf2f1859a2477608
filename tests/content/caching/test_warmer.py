"""Many entries are loaded before anyone asks, a batch at a time."""

import asyncio
from collections.abc import Sequence

import pytest

from content.caching import Resource, invalidate
from content.caching import warmer as warmer_module
from content.caching.engines import create_engine, engine_of
from content.caching.key import EntryKey
from content.caching.lease import BACKGROUND
from content.caching.read_counts import reads
from content.caching.warmer import WarmResult
from tests.content.caching.test_resource import HOUR, Book, resource

MARGIN = 120.0
HOUR_SECONDS = HOUR.ttl.total_seconds()


@pytest.fixture
def book(alias, source, clock) -> Resource:
    """A source of ten books, of which number 7 is not there. `source.loads` has one item for each batch."""
    source.values = {pk: Book(f"book {pk}") for pk in range(10) if pk != 7}

    async def load_many(pks: Sequence[int]) -> dict[int, Book]:
        await source.load(tuple(pks))
        if 3 in pks and source.values[3] == Book("broken"):
            raise RuntimeError("no such page")
        return {pk: source.values[pk] for pk in pks if pk in source.values}

    return resource(source, clock, load_many=load_many)


def keys(book: Resource, *pks: int) -> list[EntryKey]:
    return [book.entry_key((pk,), {}) for pk in pks]


async def warm(book: Resource, *pks: int) -> list[WarmResult]:
    results = await engine_of("default").warm(keys(book, *pks), MARGIN)
    return [results[entry_key.key] for entry_key in keys(book, *pks)]


async def test_a_batch_is_one_load_and_each_result_was_read_back(book, source):
    results = await warm(book, *range(10))
    assert source.loads == [tuple(range(10))]
    assert all(each.is_loaded and each.fresh_for > MARGIN for each in results if each.there)
    assert [pk for pk, each in enumerate(results) if not each.there] == [7]
    await book.get(5)
    assert source.count == 1


async def test_what_stays_fresh_long_enough_is_left_alone(book, source, clock):
    await warm(book, 1, 2)
    assert [each.is_loaded for each in await warm(book, 1, 2, 3)] == [False, False, True]
    clock.forward(HOUR_SECONDS - MARGIN / 2)
    assert [each.is_loaded for each in await warm(book, 1, 2)] == [True, True]


async def test_what_was_invalidated_is_loaded_again(book, source):
    await warm(book, 1, 2)
    await invalidate(["book:2"])
    source.values[2] = Book("new")
    assert [each.is_loaded for each in await warm(book, 1, 2)] == [False, True]
    assert await book.get(2) == Book("new")


async def test_an_entry_that_was_overtaken_is_not_reported_as_fresh(book, source):
    async def invalidate_meanwhile() -> None:
        source.during = None
        await invalidate(["book:1"])

    source.during = invalidate_meanwhile
    [result] = await warm(book, 1)
    assert (result.is_loaded, result.fresh_for, result.error) == (True, 0.0, None)


async def test_one_that_fails_fails_no_other_of_its_batch(book, source):
    source.values[3] = Book("broken")

    async def load(pk: int) -> Book:
        if pk == 3:
            raise RuntimeError("no such page")
        return source.values[pk]

    book.load = load
    results = await warm(book, 1, 2, 3, 4)
    assert [each.error is None and each.fresh_for > 0 for each in results] == [True, True, False, True]
    assert str(results[2].error) == "no such page"


async def test_a_database_that_is_down_is_not_asked_once_for_each_key(book, source):
    source.error = RuntimeError("the database is down")
    results = await warm(book, *range(10))
    assert [str(each.error) for each in results] == ["the database is down"] * 10
    assert source.count == 1 + warmer_module.MOST_FAILURES


@pytest.mark.parametrize("alias", ["redis"], indirect=True)
async def test_i2_two_processes_that_warm_the_same_load_it_once(book, source, clock, monkeypatch):
    other, refused = create_engine("default"), asyncio.Event()
    other.clock, lease = clock, other.shared.lease

    async def note_refusal(*args):
        ours = await lease(*args)
        refused.set()
        return ours

    monkeypatch.setattr(other.shared, "lease", note_refusal)
    source.hold()
    first = asyncio.create_task(engine_of("default").warm(keys(book, 1, 2), MARGIN))
    await source.loading.wait()
    second = asyncio.create_task(other.warm(keys(book, 1, 2), MARGIN))
    await refused.wait()
    source.release()
    results = await asyncio.gather(first, second)
    assert source.loads == [(1, 2)]
    assert all(each.fresh_for > 0 for result in results for each in result.values())


@pytest.mark.parametrize("alias", ["redis"], indirect=True)
async def test_a_reader_waits_for_no_load_of_a_worker(book, source, clock, monkeypatch):
    """The worker is slow, and ends its load after a write that the reader has seen."""
    worker = create_engine("default")
    worker.clock = clock
    source.hold()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reads, "is_excluded", True)
        warming = asyncio.create_task(worker.warm(keys(book, 1, 2), MARGIN))
        await source.loading.wait()
    gate, source.gate = source.gate, asyncio.Event()
    source.gate.set()
    source.values[1] = Book("new")
    readers = await asyncio.gather(*(book.get(1) for _ in range(20)))
    assert set(readers) == {Book("new")}
    gate.set()
    results = await warming
    assert source.loads == [(1, 2), 1], "one load of each process"
    assert all(each.fresh_for > 0 for each in results.values())
    engine_of("default").memory.clear()
    assert await book.get(1) == Book("new"), "what the worker made later was dropped"
    assert await book.get(2) == Book("book 2")
    assert source.count == 2


@pytest.mark.parametrize("alias", ["redis"], indirect=True)
async def test_a_refresh_without_a_reader_leaves_a_worker_its_load(book, source, clock):
    await book.get(1)
    clock.forward(1)
    engine, entry_key = engine_of("default"), keys(book, 1)[0]
    await engine.shared.lease([entry_key.key], BACKGROUND, 6.0)
    assert await engine.warmer.load({entry_key: clock()}) == {}
    assert source.count == 1


@pytest.mark.parametrize("alias", ["redis"], indirect=True)
async def test_a_batch_whose_process_was_killed_is_taken_over(book):
    killed = engine_of("default").loader.new_lease()
    killed.seconds = 0.2
    await killed.take([entry_key.key for entry_key in keys(book, 1, 2)])
    assert [each.is_loaded for each in await warm(book, 1, 2)] == [True, True]
