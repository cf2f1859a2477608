"""Readers in threads: they get what tasks get, at the cost of a function call, a round trip or two."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from redis.exceptions import TimeoutError as RedisTimeoutError

from content.caching import NotThere, Policy, Resource, invalidate_sync
from content.caching.engines import engine_of
from content.caching.errors import LoadError, LoadTimeout
from content.caching.lasting_loop import lasting_loop
from content.caching.metrics.events import current_totals, listen, total
from content.caching.testing import always_throw, chaos
from tests.support.caches import on_every_cache, with_a_log
from tests.support.commands import watch_commands
from tests.support.source import ThreadSource
from tests.support.wait import wait_until

SECOND = timedelta(seconds=1)
POLICY = Policy(ttl=60 * SECOND, stale_ttl=60 * SECOND, error_ttl=600 * SECOND, jitter=0, early=0)


@pytest.fixture
def source() -> ThreadSource:
    return ThreadSource(value=0)


@pytest.fixture
def row(alias, source) -> Resource:
    def load(pk: int) -> int:
        return source.load_sync(pk)

    return Resource("row", load=load, policy=POLICY, tags=lambda pk: (f"row:{pk}",))


@pytest.fixture
def async_row(alias, source) -> Resource:
    async def load(pk: int) -> int:
        return await sync_to_async(source.load_sync)(pk)

    return Resource("async-row", load=load, policy=POLICY, tags=lambda pk: (f"row:{pk}",))


@pytest.fixture(params=["row", "async_row"])
def any_row(request) -> Resource:
    """With a `def` loader, and with an async one."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


only_redis = pytest.mark.parametrize("alias", ["redis"], indirect=True)


def forget(alias: str) -> None:
    """Memory alone."""
    if engine_of(alias).memory is not None:
        engine_of(alias).memory.clear()


def join_counter(resource: Resource) -> Callable[[], bool]:
    """Whether a thread joins the call of another from now on."""
    name = resource.name
    before = current_totals()["joined", name, ""]
    return lambda: current_totals()["joined", name, ""] > before


# --- costs --------------------------------------------------------------------------------------------


@with_a_log
def test_a_hit_in_memory_needs_no_loop_and_no_thread(row, monkeypatch):
    assert row.get_sync(1) == 0

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a hit in memory is a function call")

    monkeypatch.setattr(asyncio, "new_event_loop", refuse)
    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", refuse)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert row.get_sync(1) == 0
    assert row.get_many_sync([1]) == {1: 0}


@pytest.fixture
def commands(redis_server) -> Callable[[Callable[[], Any]], list[str]]:
    """The names of the commands for rows that `work` sends."""

    def commands_of(work: Callable[[], Any]) -> list[str]:
        with redis_server.client() as client, watch_commands(client, lambda command: "row@" in command) as watched:
            work()
        return watched.names

    return commands_of


@only_redis
def test_round_trips(alias, any_row, commands):
    """A hit takes one, a miss two: lookup and lease, store and release."""
    assert commands(lambda: any_row.get_sync(1)) == ["EVALSHA", "EVALSHA"]
    forget(alias)
    assert commands(lambda: any_row.get_sync(1)) == ["EVALSHA"]
    assert commands(lambda: any_row.get_sync(1)) == []


@only_redis
def test_round_trips_after_an_invalidation(alias, row, commands):
    """A key that memory knows to be invalid is looked up together with its lease."""
    row.get_sync(1)
    row.invalidate_sync(1)
    assert commands(lambda: row.get_sync(1)) == ["EVALSHA", "EVALSHA"]


@only_redis
def test_a_redis_that_has_forgotten_the_scripts_is_sent_them(alias, row, commands, redis_server):
    row.get_sync(1)
    with redis_server.client() as client:
        client.script_flush()
    assert commands(lambda: row.get_sync(2)) == ["EVALSHA", "EVAL", "EVALSHA", "EVAL"]
    forget(alias)
    assert commands(lambda: row.get_sync(2)) == ["EVALSHA"]


def test_equal_parameters_of_other_types_are_other_parameters(alias):
    def load(flag: int) -> str:
        return repr(flag)

    named = Resource("named", load=load, policy=POLICY)
    for _ in range(3):
        assert [named.get_sync(1), named.get_sync(True), named.get_sync(1), named.get_sync(flag=1)] == [
            "1",
            "True",
            "1",
            "1",
        ]


def test_a_policy_of_one_call_is_that_of_no_other(alias, row, clock):
    """`using` copies the resource, which remembers the keys of its calls."""
    assert row.get_sync(1) == 0
    assert row.using(ttl=SECOND).get_sync(2) == 0
    assert row.get_sync(3) == 0
    clock.forward(2)
    assert [row.known_entry_keys[(number,)].owner.policy.ttl for number in (1, 3)] == [POLICY.ttl] * 2


def test_tokens_of_leases_are_those_of_one_process(alias):
    read, write = os.pipe()
    engine = engine_of(alias)
    mine = {engine.loader.new_lease().token for _ in range(100)}
    child = os.fork()
    if child == 0:
        os.write(write, engine.loader.new_lease().token.encode())
        os._exit(0)
    os.waitpid(child, 0)
    of_the_child = os.read(read, 100).decode()
    assert len(mine | {of_the_child, engine.loader.new_lease().token}) == 102


@only_redis
def test_reads_open_no_connections(alias, any_row, redis_server):
    def count_connections() -> int:
        with redis_server.client() as client:
            return client.info("stats")["total_connections_received"]

    any_row.get_sync(0)
    before = count_connections()
    for number in range(50):
        any_row.get_sync(number)
        forget(alias)
        any_row.get_sync(number)
    assert count_connections() - before == 1, "that of the second count"


def test_a_def_loader_runs_in_its_callers_thread_and_an_async_one_on_one_loop(alias, row, source):
    loops = []

    async def load(pk: int) -> int:
        loops.append(asyncio.get_running_loop())
        return pk

    slow = Resource("slow", load=load, policy=POLICY)
    for number in range(3):
        row.get_sync(number)
        slow.get_sync(number)
    assert set(source.threads) == {threading.get_ident()}
    assert set(loops) == {lasting_loop()}


async def test_a_def_loader_runs_beside_the_loop_of_an_async_reader(row, source):
    assert await row.get(1) == 0
    assert await row.get_many([1, 2]) == {1: 0, 2: 0}
    assert threading.get_ident() not in source.threads


async def test_sync_methods_refuse_an_event_loop(row):
    await row.get(1)
    for call in (lambda: row.get_sync(1), lambda: row.get_many_sync([1]), lambda: row.refresh_sync(1)):
        with pytest.raises(SynchronousOnlyOperation):
            call()


def test_a_loader_sees_nothing_of_its_readers_context(alias, row):
    from django.utils import translation

    def load() -> str:
        return translation.get_language()

    language = Resource("language", load=load, policy=POLICY)
    with translation.override("de"):
        assert language.get_sync() == "en"


# --- single-flight --------------------------------------------------------------------------------------


@on_every_cache
def test_i2_threads_that_want_one_key_make_one_load(alias, any_row, source, threads):
    source.hold()
    others_wait = join_counter(any_row)
    readers = [threads.submit(any_row.get_sync, 1) for _ in range(12)]
    source.loading.wait()
    wait_until(others_wait, "others wait")
    source.release()
    assert {reader.result() for reader in readers} == {0}
    assert source.loads == [1]


def test_threads_that_want_many_keys_load_each_once(alias, row, source, threads):
    keys = [list(range(start, start + 6)) for start in range(6)]
    readers = [threads.submit(row.get_many_sync, some) for some in keys]
    assert [reader.result() for reader in readers] == [dict.fromkeys(some, 0) for some in keys]
    assert sorted(source.loads) == list(range(11))


def test_an_error_is_every_readers(alias, any_row, source, threads):
    source.error = ValueError("no")
    source.hold()
    others_wait = join_counter(any_row)
    readers = [threads.submit(any_row.get_sync, 1) for _ in range(4)]
    source.loading.wait()
    wait_until(others_wait, "others wait")
    source.release()
    for reader in readers:
        with pytest.raises(ValueError, match="no"):
            reader.result()


class Killed(BaseException):
    """As greenlets and signals end a thread's work."""


def test_i11_a_thread_that_is_interrupted_takes_nobodys_load_along(alias, row, source, threads):
    source.error = Killed()
    source.hold()
    others_wait = join_counter(row)
    first = threads.submit(row.get_sync, 1)
    source.loading.wait()
    others = [threads.submit(row.get_sync, 1) for _ in range(3)]
    wait_until(others_wait, "others wait")
    source.error = None
    source.release()
    with pytest.raises(Killed):
        first.result()
    assert [other.result(60) for other in others] == [0] * 3
    assert source.loads == [1, 1]


def test_readers_wait_no_longer_than_the_hard_timeout(alias, row, source, threads):
    source.hold()
    first = threads.submit(row.get_sync, 1)
    source.loading.wait()
    with pytest.raises(LoadTimeout):
        row.using(hard_timeout=SECOND / 20).get_sync(1)
    source.release()
    assert first.result() == 0


@with_a_log
def test_rule_16_a_thread_that_comes_after_an_invalidation_does_not_join_a_load_from_before(
    alias, any_row, source, threads
):
    source.hold()
    early = threads.submit(any_row.get_sync, 1)
    source.loading.wait()
    source.value = 1
    invalidate_sync(["row:1"])
    started = engine_of(alias).sync.calls
    key = any_row.entry_key((1,), {}).key
    call = started[key]
    # It waits for the lease of the first, in a call of its own.
    late = threads.submit(any_row.get_sync, 1)
    wait_until(lambda: started.get(key) is not call, "the second does not join")
    source.release()
    assert late.result() == 1
    assert early.result() == 0, "who began before may get what was then"
    assert any_row.get_sync(1) == 1


@with_a_log
def test_rule_16_nor_a_lookup_whose_verdict_is_from_before(alias, row, source, threads):
    """A value that a thread has found and judged when another thread comes behind an invalidation."""
    row.get_sync(1)
    key = row.entry_key((1,), {}).key
    sync = engine_of(alias).sync
    engine_of(alias).memory.drop(key)
    judged, answer = threading.Event(), threading.Event()
    accept = sync.tiers.accept

    def accept_late(*args: Any, **kwargs: Any) -> Any:
        """The value is judged before the invalidation and returned after it."""
        sync.tiers.accept = accept
        judgement = accept(*args, **kwargs)
        judged.set()
        assert answer.wait(60)
        return judgement

    sync.tiers.accept = accept_late
    early = threads.submit(row.get_many_sync, [1])
    judged.wait()
    source.value = 1
    invalidate_sync(["row:1"])
    late = threads.submit(row.get_many_sync, [1])
    assert late.result(60) == {1: 1}
    answer.set()
    assert early.result() == {1: 0}


@only_redis
def test_rule_19_a_thread_that_acquires_the_lease_sees_what_its_last_holder_stored(alias, row, source, threads):
    """The holder is another process: it stores, and lets go."""
    engine, key = engine_of(alias), row.entry_key((1,), {}).key
    row.get_sync(1)
    [stored] = asyncio.run(engine.shared.tier.lookup([key])).values()
    asyncio.run(engine.shared.evict(key))
    engine.memory.clear()
    assert asyncio.run(engine.shared.lease([key], "other", 6.0)) == [key]
    with listen() as events:
        reader = threads.submit(row.get_sync, 1)
        wait_until(lambda: engine.sync.calls.get(key) is not None, "it waits for the lease")
        assert asyncio.run(engine.shared.store(key, stored, 60.0, "other"))
        assert reader.result(60) == 0
    assert source.loads == [1]
    assert total(events, "load") == 0


@only_redis
def test_i12_the_lease_of_a_long_load_is_renewed(alias, row, source, threads, redis_server):
    engine = engine_of(alias)
    engine.loader.lease = 0.3
    source.hold()
    reader = threads.submit(row.get_sync, 1)
    source.loading.wait()
    lease = engine.shared.tier.lease_key(row.entry_key((1,), {}).key)
    with redis_server.client() as client:
        left = [client.pttl(lease)]

        def is_renewed_three_times() -> bool:
            left.append(client.pttl(lease))
            return sum(later > earlier for earlier, later in pairwise(left)) >= 3

        wait_until(is_renewed_three_times, "the lease is renewed three times")
    assert min(left) > 0
    source.release()
    assert reader.result() == 0
    assert source.loads == [1]


# --- stale, failing, negative ---------------------------------------------------------------------------


def test_i4_no_thread_waits_for_a_refresh_while_there_is_a_stale_value(alias, any_row, source, clock):
    assert any_row.get_sync(1) == 0
    clock.forward(61)
    source.value = 1
    source.hold()
    assert [any_row.get_sync(1) for _ in range(5)] == [0] * 5
    source.loading.wait()
    assert threading.get_ident() not in source.threads[1:] or any_row.is_async
    source.release()
    wait_until(lambda: any_row.get_sync(1) == 1, "it is refreshed")
    assert source.loads == [1, 1]


def test_i6_a_loader_that_fails_leaves_the_last_good_value(alias, row, source, clock):
    row.get_sync(1)
    clock.forward(130)
    source.error = ValueError()
    assert [row.get_sync(1) for _ in range(5)] == [0] * 5
    assert source.loads == [1, 1]


def test_not_there_is_cached(alias):
    loads = []

    def load(pk: int) -> int:
        loads.append(pk)
        raise NotThere(str(pk))

    nothing = Resource("nothing", load=load, policy=POLICY)
    for _ in range(3):
        with pytest.raises(NotThere):
            nothing.get_sync(1)
    assert loads == [1]
    assert nothing.get_many_sync([1, 2]) == {}


def test_i5_with_the_cache_down_threads_load_and_get_no_error(alias, row, source):
    row.get_sync(1)
    forget(alias)
    with chaos(always_throw()):
        assert [row.get_sync(number) for number in range(10)] == [0] * 10
        row.set_sync(5, 1)
    wait_until(lambda: not engine_of(alias).shared.in_doubt, "leases that may have been granted are released")


def test_i5_with_the_cache_hung_a_thread_waits_for_one_timeout(alias, row, source):
    asked: list[str] = []

    async def hang(name: str, call: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            asked.append(name)
        raise RedisTimeoutError("Timeout reading from socket")

    with chaos(hang):
        assert [row.get_sync(number) for number in range(3)] == [0] * 3
    assert len(asked) == 1, "to look up, to store and to release would be three"


def test_a_soft_timeout_serves_the_old_value_while_the_load_goes_on(alias, any_row, source, clock):
    any_row.get_sync(1)
    clock.forward(130)
    source.value = 1
    source.hold()
    assert any_row.using(soft_timeout=SECOND / 20).get_sync(1) == 0
    source.release()
    wait_until(lambda: any_row.get_sync(1) == 1, "the load has gone on")
    assert source.loads == [1, 1]


# --- loaders that read ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [("def", "def"), ("def", "async"), ("async", "def"), ("async", "async")])
@only_redis
def test_a_loader_that_waits_for_itself_does_not_wait_for_ever(alias, kinds):
    """It gets a LoadError. A circle that begins on the lasting loop may end by its timeout instead."""
    resources: list[Resource] = []

    def read(kind: str, number: int) -> Any:
        def load() -> int:
            return resources[1 - number].get_sync()

        async def load_async() -> int:
            return await resources[1 - number].get()

        return load if kind == "def" else load_async

    resources += [
        Resource(f"circle-{n}", load=read(kind, n), policy=replace(POLICY, hard_timeout=2 * SECOND))
        for n, kind in enumerate(kinds)
    ]
    with pytest.raises((LoadError, LoadTimeout) if kinds[0] == "async" else LoadError):
        resources[0].get_sync()


def test_what_a_loader_reads_is_what_its_entry_depends_on(alias, any_row, source):
    def load() -> int:
        return any_row.get_sync(1)

    whole = Resource("whole", load=load, policy=POLICY)
    assert whole.get_sync() == 0
    source.value = 1
    invalidate_sync(["row:1"])
    assert whole.get_sync() == 1


# --- processes ------------------------------------------------------------------------------------------


@with_a_log
def test_a_forked_child_reads_on_connections_and_a_loop_of_its_own(alias, any_row, threads):
    """As prefork servers and Celery do, here while threads of the parent read."""
    any_row.get_sync(1)
    reading = threads.submit(lambda: [any_row.refresh_sync(2) for _ in range(100)])
    child = os.fork()
    if child == 0:
        try:
            fine = [any_row.get_sync(1), any_row.get_sync(3), any_row.refresh_sync(1)] == [0, 0, 0]
        except BaseException:
            fine = False
        os._exit(0 if fine else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert reading.result() == [0] * 100
    assert any_row.get_sync(3) == 0
