"""A test for each invariant of the engine, named after its number, on a real Redis."""

import asyncio
import contextlib
import subprocess
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.core.cache import caches
from hypothesis import given
from hypothesis import strategies as st

from content.caching import NotModified, NotThere, Policy, Resource, expire, invalidate, previous
from content.caching.dependencies import track_dependencies
from content.caching.engines import engine_of
from content.caching.entry import FORMAT, Entry, Header, Stamp, Unreadable, pack, unpack
from content.caching.errors import LoadError, LoadTimeout, NotAppended, Overloaded
from content.caching.executor import LoadExecutor
from content.caching.metrics.events import listen, total
from tests.support.caches import redis_cache, use_cache
from tests.support.edge import settle
from tests.support.engine import wait_for_engine
from tests.support.servers.redis import running_redis
from tests.support.source import Source
from tests.support.wait import wait_until

SECONDS = timedelta(seconds=1)
POLICY = Policy(ttl=60 * SECONDS, stale_ttl=60 * SECONDS, error_ttl=600 * SECONDS, jitter=0, early=0)
numbers = count()


def redis_with_timeouts(url: str) -> dict[str, Any]:
    """A cache that gives up on Redis after 0.3 s."""
    return redis_cache(url, SOCKET_TIMEOUT=0.3, SOCKET_CONNECT_TIMEOUT=0.3, RETRIES=0)


@pytest.fixture
def alias(redis_server, clock):
    with use_cache(redis_with_timeouts(redis_server.url), clock) as name:
        yield name


@pytest.fixture
def source() -> Source:
    return Source(value=0)


class InThreads:
    """A resource whose async methods call the sync ones, each in a thread."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource

    def __getattr__(self, name: str) -> Any:
        sync_method = getattr(self.resource, f"{name}_sync", None)
        if sync_method is None:
            return getattr(self.resource, name)
        return lambda *args, **kwargs: asyncio.to_thread(sync_method, *args, **kwargs)

    def using(self, **policy: Any) -> "InThreads":
        return InThreads(self.resource.using(**policy))


# For what only tasks do, or what test_sync.py shows in its own way for threads.
only_tasks = pytest.mark.parametrize("row", ["tasks"], indirect=True)


@pytest.fixture(params=["tasks", "threads"])
async def row(request, source) -> Any:
    """Read by tasks, and by threads without an event loop."""

    async def load() -> int:
        return await source.load()

    def load_in_thread() -> int:
        return asyncio.run_coroutine_threadsafe(source.load(), loop).result(20)

    loop = asyncio.get_running_loop()
    if request.param == "tasks":
        return Resource("row", load=load, policy=POLICY, tags=lambda: ("row",))
    return InThreads(Resource("row", load=load_in_thread, policy=POLICY, tags=lambda: ("row",)))


# --- I1 ---------------------------------------------------------------------------------------------


async def test_rule_16_a_reader_who_comes_after_an_invalidation_does_not_join_a_load_from_before(alias, source, row):
    source.hold()
    early = asyncio.ensure_future(row.get())
    await source.loading.wait()
    source.value = 1
    await invalidate(["row"])
    late = asyncio.ensure_future(row.get())
    source.release()
    assert await late == 1
    assert await early == 0, "who began before may get what was then"
    assert await row.get() == 1


@only_tasks
async def test_rule_16_nor_a_lookup_whose_verdict_is_from_before(alias, source, row):
    """An entry of another process, found while the lease is asked for, and invalidated before that is answered."""
    engine = engine_of(alias)
    await row.get()
    engine.memory.clear()
    looked, answer = asyncio.Event(), asyncio.Event()
    lookup, lease, looks = engine.shared.lookup, engine.shared.lease, count()

    async def lookup_late(keys):
        """At first it is not there yet."""
        if next(looks) == 0:
            return {}
        found = await lookup(keys)
        looked.set()
        return found

    async def lease_late(*args):
        got = await lease(*args)
        await answer.wait()
        return got

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.shared, "lookup", lookup_late)
        patch.setattr(engine.shared, "lease", lease_late)
        early = asyncio.ensure_future(row.get())
        await looked.wait()
        await settle()
        source.value = 1
        await invalidate(["row"])
        late = asyncio.ensure_future(row.get())
        await settle()
        answer.set()
        assert await late == 1
        await early


@only_tasks
async def test_rule_16_nor_a_value_that_was_found_before_while_its_lease_is_released(alias, source, row):
    """An entry of another process is found under the lease. It is invalidated while the lease is being released."""
    engine = engine_of(alias)
    await row.get()
    engine.memory.clear()
    releasing, answer = asyncio.Event(), asyncio.Event()
    lookup, release, looks = engine.shared.lookup, engine.shared.release, count()

    async def lookup_late(keys):
        """At first it is not there yet."""
        return await lookup(keys) if next(looks) else {}

    async def release_late(*args):
        releasing.set()
        await answer.wait()
        await release(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.shared, "lookup", lookup_late)
        patch.setattr(engine.shared, "release", release_late)
        early = asyncio.ensure_future(row.get())
        await releasing.wait()
        source.value = 1
        await invalidate(["row"])
        engine.memory.clear()
        late = asyncio.ensure_future(row.get())
        await settle()
        answer.set()
        assert await late == 1
        await early


async def test_i6_nor_what_was_invalidated_while_the_load_failed(alias, source, row, clock):
    await row.get()
    clock.forward(200)
    source.hold()
    source.error = RuntimeError("no")
    reader = asyncio.ensure_future(row.get())
    await source.loading.wait()
    await invalidate(["row"])
    source.release()
    with pytest.raises(RuntimeError):
        await reader


async def test_rule_13_without_any_lease_nothing_old_is_fresh(alias, source, row):
    """Everybody holds every lease: there may be more loads, and none that an invalidation overtook is kept."""
    engine = engine_of(alias)

    async def grant(keys, *args):
        return list(keys)

    async def store(key, content, seconds, token):
        return await type(engine.shared.tier).store(engine.shared.tier, key, content, seconds, None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.shared, "lease", grant)
        patch.setattr(engine.shared, "store", store)
        for value in range(1, 20):
            source.hold()
            early = asyncio.ensure_future(row.get())
            await source.loading.wait()
            source.value = value
            await invalidate(["row"])
            source.release()
            assert await row.get() == value
            await early
            engine.memory.clear()
            assert await row.get() == value
            await invalidate(["row"])


async def test_i1_nor_does_a_background_refresh_bring_back_what_was_invalidated(alias, source, row, clock):
    await row.get()
    clock.forward(61)
    source.hold()
    assert await row.get() == 0
    await source.loading.wait()
    source.value = 1
    await invalidate(["row"])
    source.release()
    await wait_for_engine()
    assert await row.get() == 1


async def test_i1_what_was_expired_is_served_stale_and_loaded_again(alias, source, row):
    await row.get()
    source.value = 1
    await expire(["row"])
    with listen() as events:
        assert await row.get() == 0
    assert total(events, "stale") == 1
    await wait_for_engine()
    assert await row.get() == 1


@only_tasks
async def test_i4_a_stale_value_found_under_the_lease_is_served_and_refreshed(alias, source, row):
    """An entry of another process: the first lookup comes too early for it, the one beside the lease finds it."""
    engine = engine_of(alias)
    await row.get()
    source.value = 1
    await expire(["row"])
    engine.memory.clear()
    lookup, looks = engine.shared.lookup, count()

    async def lookup_late(keys):
        return await lookup(keys) if next(looks) else {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.shared, "lookup", lookup_late)
        assert await row.get() == 0
        await wait_for_engine()
    assert source.count == 2, "it was loaded again with no other reader"


async def test_i1_without_word_of_the_log_nothing_is_fresh_and_all_is_stale(alias, source, row):
    await row.get()
    tag_index = engine_of(alias).ordering.tag_index
    tag_index.heard_until = float("-inf")
    tag_index.mark_heard = lambda asked_at: None
    with listen() as events:
        assert await row.get() == 0
    assert total(events, "stale") == 1
    assert total(events, "hit") == 0
    await wait_for_engine()


async def test_i1_an_invalidation_that_the_log_refuses_still_holds_here(source, clock):
    with running_redis() as server, use_cache(redis_with_timeouts(server.url), clock):

        async def load() -> int:
            return await source.load()

        row = Resource("row", load=load, policy=POLICY, tags=lambda: ("row",))
        await row.get()
        source.value = 1
        with server.client() as client:
            client.config_set("maxmemory", 1)
            with pytest.raises(NotAppended):
                await invalidate(["row"])
            assert await row.get() == 1
            client.config_set("maxmemory", 0)
        log = engine_of("default").ordering.log
        wait_until(lambda: not log.unsent and not log.tag_index.pending, "it was sent again and consumed")
        assert await row.get() == 1


# --- I3, I4, I6 -------------------------------------------------------------------------------------


async def test_i3_nothing_past_its_stale_time_is_served(alias, source, row, clock):
    await row.get()
    source.value = 1
    clock.forward(121)
    assert await row.get() == 1


async def test_i4_nobody_waits_for_a_refresh_while_there_is_a_stale_value(alias, source, row, clock):
    await row.get()
    clock.forward(61)
    source.value = 1
    source.hold()
    assert [await row.get() for _ in range(5)] == [0] * 5
    await source.loading.wait()
    assert source.count == 2
    source.release()
    await wait_for_engine()
    assert await row.get() == 1


async def test_i6_a_loader_that_fails_leaves_the_last_good_value_and_is_not_asked_by_each_reader(
    alias, source, row, clock
):
    await row.get()
    clock.forward(121)
    source.error = ConnectionError("database away")
    assert [await row.get() for _ in range(10)] == [0] * 10
    assert source.count == 2
    clock.forward(2)
    await row.get()
    assert source.count == 3
    source.error, source.value = None, 1
    clock.forward(5)
    assert await row.get() == 1


async def test_i6_never_what_was_invalidated(alias, source, row):
    await row.get()
    source.error = ConnectionError("database away")
    await invalidate(["row"])
    with pytest.raises(ConnectionError):
        await row.get()


async def test_i6_nor_what_is_past_its_error_time(alias, source, row, clock):
    await row.get()
    source.error = ConnectionError("database away")
    clock.forward(721)
    with pytest.raises(ConnectionError):
        await row.get()


# --- I5 ---------------------------------------------------------------------------------------------


async def test_i5_with_redis_stopped_readers_get_what_memory_holds_and_new_keys_are_loaded(source, clock):
    async def load(key: int) -> int:
        return await source.load()

    with running_redis() as server, use_cache(redis_with_timeouts(server.url), clock):
        row = Resource("row", load=load, policy=POLICY)
        await row.get(1)
        server.process.kill()
        server.process.wait()
        assert await row.get(1) == 0
        for key in range(2, 6):
            assert await row.get(key) == 0
        assert engine_of("default").shared.breaker.is_open
        await wait_for_engine()


async def test_i5_a_redis_that_hangs_costs_a_few_timeouts_and_no_more(source, clock):
    async def load(key: int) -> int:
        return await source.load()

    with running_redis() as server, use_cache(redis_with_timeouts(server.url), clock):
        row = Resource("row", load=load, policy=POLICY)
        await row.get(0)
        subprocess.run(["kill", "-STOP", str(server.process.pid)], check=True)
        try:
            began = asyncio.get_running_loop().time()
            for key in range(1, 30):
                assert await row.get(key) == 0
            assert asyncio.get_running_loop().time() - began < 3.0
        finally:
            subprocess.run(["kill", "-CONT", str(server.process.pid)], check=True)
        await wait_for_engine()


async def test_i5_past_the_bound_of_loads_a_reader_is_told_so(alias, source):
    async def load(key: int) -> int:
        return await source.load()

    engine_of(alias).loop_state().executor = LoadExecutor(max_loads=2, max_waiting=3)
    row = Resource("row", load=load, policy=POLICY)
    source.hold()
    readers = [asyncio.ensure_future(row.get(key)) for key in range(8)]
    done, _ = await asyncio.wait(readers, return_when=asyncio.FIRST_EXCEPTION)
    assert {type(reader.exception()) for reader in done} == {Overloaded}
    source.release()
    results = await asyncio.gather(*readers, return_exceptions=True)
    assert [type(result) for result in results].count(Overloaded) == 3


# --- I9, I10, I11, I12, I14 ---------------------------------------------------------------------------


async def test_i10_what_is_stored_is_an_envelope_of_messagepack(alias, source, row):
    await row.get()
    stored = (await engine_of(alias).shared.tier.lookup([row.key(())]))[row.key(())]
    assert stored[0] == FORMAT
    assert b"\x80\x04" not in stored[:5], "a pickle begins so"


async def test_i11_a_caller_who_leaves_takes_nobodys_load_along(alias, source, row):
    source.hold()
    first, second = asyncio.ensure_future(row.get()), asyncio.ensure_future(row.get())
    await source.loading.wait()
    first.cancel()
    await asyncio.sleep(0)
    source.release()
    assert await second == 0
    assert source.count == 1


async def test_i11_not_even_when_all_leave(alias, source, row):
    source.hold()
    only = asyncio.ensure_future(row.get())
    await source.loading.wait()
    only.cancel()
    source.release()
    await wait_for_engine()
    assert await row.get() == 0
    assert source.count == 1


async def test_i12_a_holder_that_was_replaced_cannot_store(alias, source, row):
    engine = engine_of(alias)
    source.hold()
    slow = asyncio.ensure_future(row.get())
    await source.loading.wait()
    cache = caches[alias]
    await cache.write("SET", engine.shared.tier.lease_key(row.key(())), "somebody else")
    source.release()
    assert await slow == 0
    assert await engine.tiers.lookup([row.entry_key((), {})]) == {}
    assert engine.memory.get(row.key(())) is None


async def test_i14_memory_is_bounded_in_bytes_and_large_values_are_not_stored(alias, source):
    async def load(key: int) -> str:
        return "x" * 2000

    engine = engine_of(alias)
    engine.memory.capacity = 100_000
    text = Resource("text", load=load, policy=POLICY)
    for key in range(200):
        await text.get(key)
        assert engine.memory.bytes <= 100_000
    small = Resource("small", load=load, policy=POLICY, largest=1000)
    with listen() as events:
        assert len(await small.get(1)) == 2000
    assert events["refused", "small", ""] == 1


# --- what a loader may do ---------------------------------------------------------------------------


async def test_what_a_loader_reads_is_what_its_entry_depends_on(alias, source, row):
    async def load() -> str:
        return f"made of {await row.get()}"

    whole = Resource("whole", load=load, policy=POLICY)
    assert await whole.get() == "made of 0"
    source.value = 1
    await invalidate(["row"])
    assert await whole.get() == "made of 1"


async def test_rule_7_what_was_made_of_a_stale_part_is_not_stored(alias, source, row, clock):
    async def load() -> str:
        return f"made of {await row.get()}"

    whole = Resource("whole", load=load, policy=POLICY)
    await row.get()
    clock.forward(61)
    source.value = 1
    assert await whole.get() == "made of 0"
    await wait_for_engine()
    assert await whole.get() == "made of 1"


async def test_i3_what_is_made_of_parts_is_served_no_longer_than_they_are(alias, source, row, clock):
    async def load() -> str:
        return f"made of {await row.get()}"

    hour = timedelta(hours=1)
    whole = Resource("whole", load=load, policy=Policy(ttl=hour, stale_ttl=hour, jitter=0, early=0, ahead=0))
    await row.get()
    clock.forward(50)
    assert await whole.get() == "made of 0"
    source.value = 1
    clock.forward(71)
    assert await whole.get() == "made of 1", "the row is older than it may be, stale or not"


async def test_i3_what_could_not_be_kept_has_not_failed(alias, source, row, clock):
    """Past its stale time an old value is for errors: that the next was made of a stale part is none."""

    async def load() -> str:
        return f"made of {await row.get()}"

    whole = Resource("whole", load=load, policy=POLICY)
    assert await whole.get() == "made of 0"
    clock.forward(121)
    await row.refresh()
    clock.forward(61)
    source.value = 1
    assert await whole.get() == "made of 0", "of the row, which is stale"
    clock.forward(60)
    assert await whole.get() == "made of 1"


async def test_rule_7_what_is_made_of_that_is_stale_as_well(alias, source, row, clock):
    """Parts of parts: the whole knows by its own part, which was not stored but said what it was."""

    async def load() -> str:
        return f"made of {await row.get()}"

    async def load_outer() -> str:
        return f"with what is {await inner.get()}"

    inner = Resource("inner", load=load, policy=POLICY)
    outer = Resource("outer", load=load_outer, policy=POLICY)
    await row.get()
    clock.forward(61)
    source.value = 1
    with track_dependencies() as collected:
        assert await outer.get() == "with what is made of 0"
    assert collected.stale
    await wait_for_engine()
    assert await outer.get() == "with what is made of 1"


async def test_rule_7_nor_what_was_made_of_a_part_that_was_expired(alias, source, row):
    """It is old although its time is not up, and its record is from before the whole was begun."""

    async def load() -> str:
        return f"made of {await row.get()}"

    whole = Resource("whole", load=load, policy=POLICY)
    await row.get()
    source.value = 1
    source.hold()
    await expire(["row"])
    assert await whole.get() == "made of 0"
    source.release()
    await wait_for_engine()
    assert await whole.get() == "made of 1"


async def test_a_loader_that_reads_itself_gets_an_error(alias):
    async def one() -> int:
        return await second.get()

    async def two() -> int:
        return await first.get()

    first, second = (Resource(name, load=load, policy=POLICY) for name, load in (("one", one), ("two", two)))
    with pytest.raises(LoadError, match="is read while it is loaded"):
        await asyncio.wait_for(first.get(), 60)


async def test_two_loaders_that_read_each_other_at_once_get_an_error(alias):
    both = asyncio.Barrier(2)

    async def one() -> int:
        await both.wait()
        return await second.get()

    async def two() -> int:
        await both.wait()
        return await first.get()

    first, second = (Resource(name, load=load, policy=POLICY) for name, load in (("one", one), ("two", two)))
    answers = await asyncio.wait_for(asyncio.gather(first.get(), second.get(), return_exceptions=True), 60)
    assert {type(answer) for answer in answers} == {LoadError}


async def test_tags_are_collected_in_one_context_and_leak_into_no_other(alias, row):
    async def another_request() -> set[str]:
        with track_dependencies() as collected:
            return collected.tags

    with track_dependencies() as collected:
        await row.get()
        others = await asyncio.create_task(another_request())
    assert collected.tags == {"row", "resource:row"}
    assert others == set()


@only_tasks
async def test_a_loader_that_takes_too_long_is_ended(alias, source, row):
    source.hold()
    with pytest.raises(LoadTimeout):
        await row.using(hard_timeout=timedelta(milliseconds=30)).get()


async def test_a_slow_load_is_left_to_go_on_while_an_old_value_serves(alias, source, row, clock):
    await row.get()
    clock.forward(121)
    source.value = 1
    source.hold()
    assert await row.using(soft_timeout=timedelta(milliseconds=20)).get() == 0
    source.release()
    await wait_for_engine()
    assert await row.get() == 1


async def test_not_modified_keeps_the_value_and_begins_its_time_anew(alias, clock):
    seen = []

    async def load() -> str:
        seen.append(previous())
        if previous() is not None:
            raise NotModified
        return "the value"

    page = Resource("page", load=load, policy=POLICY)
    await page.get()
    clock.forward(121)
    assert await page.get() == "the value"
    clock.forward(50)
    assert await page.get() == "the value"
    assert seen == [None, "the value"]


async def test_no_reader_can_change_what_the_next_one_gets(alias):
    async def load() -> dict[str, list[int]]:
        return {"numbers": [1]}

    table = Resource("table", load=load, policy=POLICY)
    for _ in range(3):
        found = await table.get()
        assert found == {"numbers": [1]}
        found["numbers"].append(2)


async def test_explain_says_what_each_tier_holds(alias, source, row, clock):
    await row.get()
    clock.forward(10)
    explained = await row.explain()
    for tier in ("memory", "shared"):
        assert explained[tier]["state"] == "fresh"
        assert explained[tier]["age"] == 10
        assert explained[tier]["tags"] == ["resource:row", "row"]
    await invalidate(["row"])
    assert (await row.explain())["shared"]["state"] == "invalid"


async def test_not_there_is_collected_as_well(alias):
    async def load() -> int:
        raise NotThere("no", tags=["numbers"])

    with track_dependencies() as collected, pytest.raises(NotThere):
        await Resource("none", load=load, policy=POLICY, tags=lambda: ("none",)).get()
    assert collected.tags == {"none", "numbers", "resource:none"}


# --- I15 --------------------------------------------------------------------------------------------


SPOILED_LEASES = {
    "another type": lambda client, key: client.rpush(key, "alien"),
    "no end": lambda client, key: client.set(key, "alien"),
    "a far end": lambda client, key: client.set(key, "alien", ex=10**6),
}


@pytest.mark.parametrize("spoil", SPOILED_LEASES.values(), ids=SPOILED_LEASES)
async def test_i15_a_lease_that_no_process_holds_keeps_nobody_from_loading(alias, source, row, redis_server, spoil):
    engine = engine_of(alias)
    entry = row.entry_key((), {})
    with redis_server.client() as client:
        spoil(client, engine.shared.tier.lease_key(entry.key))
    async with asyncio.timeout(5):
        assert await row.get() == 0
    engine.memory.clear()
    assert await row.get() == 0
    assert source.count == 1, "it was stored"


HOSTILE_ENTRIES = {
    "another type": None,
    "empty": b"",
    "garbage": b"\xff" * 50,
    "broken text in the header": b"\x02\x00\x00\x00\x02\xa1\xff",
    "a header without end": b"\x02\x00\x01\x86\xa0" + b"\x91" * 100_000,
    "a header that is too short": b"\x02\xff\xff\xff\xff",
}


@pytest.mark.parametrize("content", HOSTILE_ENTRIES.values(), ids=HOSTILE_ENTRIES)
async def test_i15_an_entry_that_cannot_be_read_is_a_miss_and_is_overwritten(
    alias, source, row, redis_server, content
):
    engine = engine_of(alias)
    await row.get()
    engine.memory.clear()
    full_key = engine.shared.tier.cache.full_key(row.entry_key((), {}).key, None)
    with redis_server.client() as client:
        client.delete(full_key)
        client.rpush(full_key, "alien") if content is None else client.set(full_key, content)
    assert await row.get() == 0
    engine.memory.clear()
    assert await row.get() == 0
    assert source.count == 2


@pytest.mark.parametrize(
    "times", [(float("nan"),) * 4, (0.0, float("inf"), 1.0, 1.0), (0.0, 1.0, 1e300, 1.0), (0.0, 1.0, 1.0, 1e300)]
)
def test_i15_times_that_no_entry_has_cannot_be_read(times):
    with pytest.raises(Unreadable):
        unpack(pack(Entry(Header(*times, True, 0.0, (), Stamp("")), b"")))


@given(st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_i15_whatever_bytes_change_an_entry_is_read_or_is_unreadable(place, change):
    header = Header(
        1.7e9, 1.7e9 + 1, 1.7e9 + 2, 1.7e9 + 3, True, 0.1, ("a", "caf\u00e9"), Stamp("e", (2, 3), {"a": (1, 2)})
    )
    packed = bytearray(pack(Entry(header, b"\xa5value")))
    place %= len(packed)
    packed[place : place + len(change)] = change
    with contextlib.suppress(Unreadable):
        assert isinstance(unpack(bytes(packed)), Entry)


@pytest.mark.parametrize("tags", [[42], "a", ["a", None], [""], ["x" * 5000], ["\ud800"], b"a", 7, [b"a"]])
async def test_i15_a_wrong_tag_is_refused_before_anything_is_held_for_it(alias, source, row, tags):
    index = engine_of(alias).ordering.tag_index
    version, tail = index.version, index.tail
    for invalidating in (invalidate, expire):
        with pytest.raises((TypeError, ValueError)):
            await invalidating(tags)
    assert not index.pending
    assert (index.version, index.tail) == (version, tail)
