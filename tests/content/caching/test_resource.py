"""The promises of each resource, on each backend."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.core.cache import caches
from django.test import override_settings

from content.caching import NotThere, Policy, Resource, invalidate, invalidate_sync
from content.caching import key as key_module
from content.caching.engines import engine_of
from content.caching.errors import LoadError
from content.caching.key import MAX_TAGS
from content.caching.lasting_loop import lasting_loop
from content.caching.metrics.events import listen
from tests.support.caches import on_every_cache

HOUR = Policy(ttl=timedelta(hours=1), negative_ttl=timedelta(minutes=1), jitter=0)


class Book(msgspec.Struct, frozen=True):
    name: str
    shelf: int = 1


def resource(source, clock, **options) -> Resource:
    async def load(pk: int) -> Book:
        value = await source.load(pk)
        if value is None:
            raise NotThere(f"no book {pk}")
        return value

    defaults = {"policy": HOUR, "tags": lambda pk: (f"book:{pk}",)}
    return Resource("book", load=load, **defaults | options)


@on_every_cache
async def test_a_second_read_loads_nothing(alias, source, clock):
    source.values[1] = Book("one")
    book = resource(source, clock)
    assert await book.get(1) == Book("one")
    assert await book.get(1) == Book("one")
    assert source.loads == [1]


async def test_parameters_by_name_and_by_place_are_the_same_entry(alias, source, clock):
    source.values[1] = Book("one")
    book = resource(source, clock)
    await book.get(1)
    assert await book.get(pk=1) == Book("one")
    assert source.loads == [1]


async def test_it_is_loaded_again_when_its_time_is_up(alias, source, clock):
    source.values[1] = Book("old")
    book = resource(source, clock)
    await book.get(1)
    source.values[1] = Book("new")
    clock.forward(3599)
    assert await book.get(1) == Book("old")
    clock.forward(1)
    assert await book.get(1) == Book("new")


async def test_not_there_is_an_answer_that_is_cached_for_its_own_time(alias, source, clock):
    book = resource(source, clock)
    for _ in range(3):
        with pytest.raises(NotThere):
            await book.get(1)
    assert source.loads == [1]
    source.values[1] = Book("came")
    clock.forward(60)
    assert await book.get(1) == Book("came")


async def test_not_there_ends_when_its_loader_said(alias, source, clock):
    async def load(pk: int) -> Book:
        if clock.now < 1_700_000_010:
            raise NotThere("not yet", until=datetime.fromtimestamp(1_700_000_010, UTC))
        return Book("published")

    book = Resource("book", load=load, policy=HOUR)
    with pytest.raises(NotThere):
        await book.get(1)
    clock.forward(10)
    assert await book.get(1) == Book("published")


async def test_none_is_a_value(alias, clock):
    loads = []

    async def load(pk: int) -> str | None:
        loads.append(pk)
        return None

    maybe = Resource("maybe", load=load, policy=HOUR)
    assert await maybe.get(1) is None
    assert await maybe.get(1) is None
    assert loads == [1]


async def test_an_invalidated_tag_is_never_served_again(alias, source, clock):
    source.values[1] = Book("old")
    book = resource(source, clock, value_tags=lambda book: (f"shelf:{book.shelf}",))
    await book.get(1)
    source.values[1] = Book("new", shelf=2)
    await invalidate(["shelf:1"])
    assert await book.get(1) == Book("new", shelf=2)
    source.values[1] = Book("newer")
    await invalidate(["shelf:1"])
    assert await book.get(1) == Book("new", shelf=2), "it is on shelf 1 no more"
    await book.invalidate(1)
    assert await book.get(1) == Book("newer")


async def test_an_invalidation_ends_not_there_too(alias, source, clock):
    book = resource(source, clock)
    with pytest.raises(NotThere):
        await book.get(1)
    source.values[1] = Book("came")
    await invalidate(["book:1"])
    assert await book.get(1) == Book("came")


async def test_it_is_invalidated_by_hand_where_no_tags_are_declared(alias, source, clock):
    source.values |= {1: Book("one"), 2: Book("two")}
    book = resource(source, clock, tags=None)
    await book.get_many([1, 2])
    await book.invalidate(1)
    await book.get_many([1, 2])
    assert source.loads == [1, 2, 1]


@on_every_cache
async def test_i1_a_load_that_an_invalidation_overtook_is_not_stored(alias, source, clock):
    source.values[1] = Book("old")
    book = resource(source, clock)

    async def overtake():
        source.during = None
        source.values[1] = Book("new")
        await invalidate(["book:1"])

    source.during = overtake
    assert await book.get(1) == Book("old"), "its own reader gets what it loaded"
    assert await book.get(1) == Book("new")


async def test_i1_nor_is_a_refresh_that_an_invalidation_overtook(alias, source, clock):
    source.values[1] = Book("old")
    book = resource(source, clock)
    await book.get(1)

    async def overtake():
        source.during = None
        source.values[1] = Book("new")
        await invalidate(["book:1"])

    source.during = overtake
    await book.refresh(1)
    assert await book.get(1) == Book("new")


@pytest.mark.parametrize("alias", ["locmem"], indirect=True)  # where there is a log there are no counters
async def test_an_evicted_counter_makes_its_entries_invalid_not_valid_for_ever(alias, source, clock):
    source.values[1] = Book("old")
    book = resource(source, clock)
    await book.get(1)
    source.values[1] = Book("new")
    await caches["default"].adelete_many(["tag:book:1", "generation"])
    assert await book.get(1) == Book("new")


async def test_other_invalidations_leave_an_entry_alone(alias, source, clock):
    source.values[1] = Book("one")
    book = resource(source, clock)
    await book.get(1)
    await invalidate(["book:2", "unheard-of"])
    await book.get(1)
    assert source.loads == [1]


async def test_get_many_keeps_order_drops_duplicates_and_leaves_out_what_is_not_there(alias, source, clock):
    source.values |= {1: Book("one"), 2: Book("two"), 3: Book("three")}
    book = resource(source, clock)
    await book.get(2)
    assert list((await book.get_many([3, 2, 9, 1, 3])).items()) == [
        (3, Book("three")),
        (2, Book("two")),
        (1, Book("one")),
    ]
    assert source.loads == [2, 3, 9, 1]
    await book.get_many([9])
    assert source.loads == [2, 3, 9, 1], "not there is cached for get_many as well"


async def test_get_many_loads_what_is_missing_at_once(alias, source, clock):
    batches = []

    async def load_many(pks):
        batches.append(list(pks))
        return {pk: Book(str(pk)) for pk in pks if pk != 9}

    book = resource(source, clock, load_many=load_many)
    await book.get_many([1, 2])
    found = await book.get_many([1, 2, 3, 4, 9])
    assert list(found) == [1, 2, 3, 4]
    assert batches == [[1, 2], [3, 4, 9]]


async def test_get_many_of_several_parameters_takes_tuples(alias, clock):
    async def load(kind: str, pk: int) -> str:
        return f"{kind} {pk}"

    thing = Resource("thing", load=load, policy=HOUR)
    assert await thing.get_many([("a", 1), ("b", 2)]) == {("a", 1): "a 1", ("b", 2): "b 2"}


async def test_set_is_what_readers_get(alias, source, clock):
    book = resource(source, clock)
    await book.set(Book("written"), 1)
    assert await book.get(1) == Book("written")
    assert source.loads == []


async def test_the_policy_can_depend_on_the_value(alias, source, clock):
    source.values[1] = Book("short")
    ends = datetime.fromtimestamp(1_700_000_030, UTC)
    book = resource(source, clock, adapt=lambda value, policy: policy.until(ends))
    await book.get(1)
    clock.forward(29)
    await book.get(1)
    assert source.loads == [1]
    clock.forward(1)
    await book.get(1)
    assert source.loads == [1, 1]


async def test_a_new_schema_never_sees_entries_of_the_old(alias, source, clock):
    source.values[1] = Book("one")
    await resource(source, clock).get(1)
    await resource(source, clock, schema=2).get(1)
    assert source.loads == [1, 1]


@pytest.mark.parametrize("garbage", [b"", b"\x01", b"\x01\x00\x00\x00\x05abc", b"\xff" * 40, "text", 7])
async def test_i9_unreadable_bytes_are_a_counted_miss(alias, source, clock, garbage):
    source.values[1] = Book("one")
    book = resource(source, clock)
    await caches["default"].aset(book.key((1,)), garbage)
    with listen() as events:
        assert await book.get(1) == Book("one")
    assert events["unreadable", "book", ""] == 1
    assert source.loads == [1]


@pytest.mark.parametrize(
    "damaged",
    [b"\x01", b"\x81\xa4name\xa1\xff", b"\x81\xa1\xff\x01", b"\x81\xa4more" + b"\x91" * 5000 + b"\x01"],
    ids=["another shape", "no UTF-8", "no UTF-8 in a name", "too deep"],
)
async def test_i9_a_damaged_value_is_a_counted_miss(alias, source, clock, damaged):
    source.values[1] = Book("one")
    book = resource(source, clock)
    await book.get(1)
    if memory := engine_of(alias).memory:
        memory.clear()
    book.encode = lambda value: damaged
    await book.refresh(1)
    if memory := engine_of(alias).memory:
        memory.clear()
    with listen() as events:
        assert await book.get(1) == Book("one")
    assert events["unreadable", "book", ""] == 1


async def test_a_loader_that_fails_says_so_to_its_caller_and_leaves_nothing_behind(alias, clock):
    async def load(pk: int) -> str:
        raise ConnectionError("database away")

    failing = Resource("failing", load=load, policy=HOUR)
    with listen() as events, pytest.raises(ConnectionError):
        await failing.get(1)
    assert events["failed", "failing", ""] == 1
    assert await caches["default"].aget(failing.key((1,))) is None


async def test_events_say_what_happened(alias, source, clock):
    source.values[1] = Book("one")
    book = resource(source, clock)
    with listen() as events:
        await book.get(1)
        await book.get(1)
    tier = "memory" if engine_of(alias).memory is not None else "shared"
    assert events == {("miss", "book", ""): 1, ("load", "book", ""): 1, ("hit", "book", tier): 1}


def test_the_sync_twins_do_the_same(alias, source, clock):
    source.values |= {1: Book("one"), 2: Book("two")}
    book = resource(source, clock)
    assert book.get_sync(1) == Book("one")
    assert book.get_many_sync([1, 2]) == {1: Book("one"), 2: Book("two")}
    source.values[1] = Book("new")
    assert book.refresh_sync(1) == Book("new")
    book.set_sync(Book("written"), 2)
    assert book.get_sync(2) == Book("written")
    invalidate_sync(["book:2"])
    assert book.get_sync(2) == Book("two")
    book.invalidate_sync(1)
    assert book.get_sync(1) == Book("new")
    assert source.loads == [1, 2, 1, 2, 1]


async def test_more_tags_than_the_bound_are_answered_counted_and_warned_of_once(alias, source, clock, caplog):
    key_module._warned_of_tags.clear()
    source.values[1] = Book("one")
    book = resource(source, clock, value_tags=lambda _: [f"t{n}" for n in range(MAX_TAGS)])
    with listen() as events:
        async with asyncio.timeout(60):
            assert await book.get(1) == await book.get(1) == await book.refresh(1) == Book("one")
        await book.set(Book("one"), 1)
    assert source.loads == [1, 1, 1]
    assert events["refused", "book", ""] == 4
    assert await caches["default"].aget(book.key((1,))) is None
    [warning] = [record.getMessage() for record in caplog.records if record.name == "content.caching"]
    assert warning.startswith(f"An entry of the resource 'book' has {MAX_TAGS + 2} tags, 'book:1' among them")
    assert "Give the set one tag of its own" in warning


async def test_as_many_tags_as_the_bound_are_stored(alias, source, clock):
    source.values[1] = Book("one")
    book = resource(source, clock, value_tags=lambda _: [f"t{n}" for n in range(MAX_TAGS - 2)])
    assert await book.get(1) == await book.get(1) == Book("one")
    assert source.loads == [1]


async def test_what_is_made_of_a_part_with_too_many_tags_is_made_anew_too(alias, source, clock):
    """Its own tags would be too many: an invalidation of one that it left out would pass it by."""
    source.values[1] = Book("old")
    book = resource(source, clock, value_tags=lambda _: [f"t{n}" for n in range(MAX_TAGS)])

    async def load_name(pk: int) -> str:
        return (await book.get(pk)).name

    name = Resource("name", load=load_name, policy=HOUR)
    assert await name.get(1) == "old"
    source.values[1] = Book("new")
    await invalidate(["t7"])
    assert await name.get(1) == "new"


async def test_one_value_that_cannot_be_kept_leaves_no_lease(alias, source, clock):
    source.values |= {1: Book("one"), 2: Book("two")}
    book = resource(
        source, clock, value_tags=lambda value: [f"t{n}" for n in range(MAX_TAGS if value.name == "one" else 1)]
    )
    assert await asyncio.gather(book.get(1), book.get(2), book.get(2)) == [Book("one"), Book("two"), Book("two")]
    await book.get(2)
    assert sorted(source.loads) == [1, 2]
    assert await engine_of(alias).shared.holder(book.entry_key((1,), {}).key) is None


def test_a_loop_that_ends_leaves_no_lease(alias, source, clock):
    """The next reader need not wait until the lease expires."""
    source.values[1] = Book("one")
    book = resource(source, clock)

    async def leave_while_it_loads() -> None:
        arrived = asyncio.Event()

        async def for_ever() -> None:
            arrived.set()
            await asyncio.Event().wait()

        source.during = for_ever
        reading = asyncio.ensure_future(book.get(1))
        await arrived.wait()
        assert not reading.done()

    async def lease_holder() -> str | None:
        return await engine_of(alias).shared.holder(book.entry_key((1,), {}).key)

    asyncio.run(leave_while_it_loads())
    assert asyncio.run(lease_holder()) is None


def test_a_loader_without_a_return_annotation_is_refused_at_once():
    async def load(pk: int):
        return pk

    with pytest.raises(LoadError, match="return annotation"):
        Resource("untyped", load=load, policy=HOUR)


async def test_i5_a_cache_that_is_away_is_no_readers_error(source, clock, caplog):
    source.values[1] = Book("one")
    nowhere = {"BACKEND": "content.caching.backends.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    with override_settings(CACHES={"default": nowhere}):
        book = resource(source, clock)
        assert await book.get(1) == Book("one")
        assert await book.get_many([1]) == {1: Book("one")}
    assert len([line for line in caplog.records if "reading without it" in line.message]) == 1


async def test_concurrent_invalidations_and_reads_never_leave_an_old_value(alias, source, clock):
    """Many writers and readers in one process: once all is quiet, what is cached is what was written last."""
    source.values[1] = 0

    async def load(pk: int) -> int:
        value = source.values[pk]
        await asyncio.sleep(0)
        return value

    number = Resource("number", load=load, policy=HOUR, tags=lambda pk: ("n",))

    async def write(value):
        source.values[1] = value
        await invalidate(["n"])

    async def read():
        for _ in range(20):
            await number.get(1)

    for round_number in range(10):
        await asyncio.gather(*(read() for _ in range(5)), *(write(round_number * 10 + n) for n in range(5)))
        assert await number.get(1) == source.values[1]


def test_loops_that_end_leave_nothing_behind(alias, source, clock):
    source.values.update({number: Book(str(number)) for number in range(5)})
    book = resource(source, clock)
    for number in range(5):
        assert book.get_sync(number) == Book(str(number))
        asyncio.run(book.get(number))
    engine = engine_of(alias)
    assert set(engine.loops.states) <= {lasting_loop()}


async def test_readers_of_one_turn_are_looked_up_together_and_loaded_apart(alias, source, clock):
    """A slow key must not hold up another reader's."""
    source.values.update({1: Book("slow"), 2: Book("quick")})
    book, gate = resource(source, clock), asyncio.Event()

    async def slow():
        if source.loads[-1] == 1:
            await gate.wait()

    source.during = slow
    first, second = asyncio.ensure_future(book.get(1)), asyncio.ensure_future(book.get(2))
    with listen() as events:
        third = asyncio.ensure_future(book.get(2))
        assert await second == await third == Book("quick")
    assert not first.done()
    gate.set()
    assert await first == Book("slow")
    # Each reader sees its own events: this one joined a load, and another one did the lookup.
    assert events == {("joined", "book", ""): 1}
