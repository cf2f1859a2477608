"""Processes that join a long log: what they know, what it costs Redis, and what happens to entries (rule 22)."""

import asyncio
import re
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count, islice

import msgspec
import pytest
import redis

from content.caching.backends.server import Server
from content.caching.entry import NOWHERE, Header, Stamp, Verdict
from content.caching.lasting_loop import run_inline
from content.caching.ordering import stream as streams
from content.caching.ordering import tag_index as tag_index_module
from content.caching.ordering.folded_tags import _hash, _part
from content.caching.ordering.log import InvalidationLog
from content.caching.ordering.ordering import LogOrdering
from content.caching.ordering.propagation import PERIOD, Propagation
from content.caching.ordering.stream import LogStream
from content.caching.ordering.tag_index import Kind, Record, TagIndex
from tests.support.commands import watch_commands
from tests.support.edge import settle
from tests.support.joiner import Joiner
from tests.support.servers.redis import running_redis
from tests.support.wait import wait_until

PROCESSES = 6
NONCE = re.compile(rb"\b[0-9a-f]{16}\b")
# Milliseconds.
DAY = 24 * 3600 * 1000


def redis_seconds(client: redis.Redis) -> float:
    seconds, microseconds = client.time()
    return seconds + microseconds / 1e6


def test_the_age_of_a_record_is_measured_when_it_is_applied(logs, fresh_redis):
    log, client = new_log(logs, fresh_redis), redis.Redis.from_url(fresh_redis)
    log.reader.stream.append(Kind.EXPIRE, ["before"], "0" * 16)
    log.reader.catch_up()
    assert log.reader.propagation.longest() is None, "it says nothing that the record is older than the process"
    appended = redis_seconds(client)
    log.reader.stream.append(Kind.EXPIRE, ["a"], "1" * 16)
    wait_until(lambda: redis_seconds(client) > appended + 0.05, "time passes")
    began = time.monotonic()
    log.reader.catch_up()
    # It is measured as the longest that it may have been: the poll counts from its question.
    poll = time.monotonic() - began
    longest, most = log.reader.propagation.longest(), redis_seconds(client) - appended
    assert 0.05 <= longest + 0.001 <= most + poll + 0.002
    log.reader.stream.append(Kind.EXPIRE, ["b"], "2" * 16)
    log.reader.catch_up()
    assert log.reader.propagation.longest() >= longest, "the longest stays for a minute"
    client.close()


def test_the_longest_time_is_forgotten_after_two_minutes():
    now = [600.0]
    propagation = Propagation(clock=lambda: now[0])
    propagation.add(-1.0)
    assert propagation.longest() == 0.0
    propagation.add(3.0)
    propagation.add(0.5)
    assert propagation.longest() == 3.0
    now[0] += PERIOD
    propagation.add(1.0)
    assert propagation.longest() == 3.0
    now[0] += PERIOD
    assert propagation.longest() == 1.0
    now[0] += PERIOD
    assert propagation.longest() is None


@pytest.fixture
def logs(fresh_redis) -> Iterator[list[InvalidationLog]]:
    made: list[InvalidationLog] = []
    yield made
    for log in made:
        log.stop()


def new_log(logs: list[InvalidationLog], url: str) -> InvalidationLog:
    """Not followed yet."""
    log = InvalidationLog(Server(url, timeout=5, connect_timeout=5), "joined")
    logs.append(log)
    return log


def tags_in_stream(client: redis.Redis, log: InvalidationLog) -> int:
    return sum(len(msgspec.msgpack.decode(fields[b"t"])) for _, fields in client.xrange(log.stream.stream))


def test_rule_22_the_log_is_bounded_by_its_tags_too(logs, fresh_redis, monkeypatch):
    """A joining process applies each tag of the log by itself, and takes the base over as it is."""
    monkeypatch.setattr(streams, "MAX_LOG_TAGS", 300)
    log = new_log(logs, fresh_redis)
    log.reader.catch_up()
    begun = log.tag_index.stamp()
    tags = [f"tag-{number}" for number in range(2000)]
    for first in range(0, len(tags), 50):
        log.stream.append(Kind.INVALIDATE, tags[first : first + 50], str(first))
    with redis.Redis.from_url(fresh_redis) as client:
        assert tags_in_stream(client, log) == int(client.hget(log.stream.keys[2], "tags")) == 300
    late = new_log(logs, fresh_redis)
    late.reader.catch_up()
    assert {late.tag_index.judge(begun, [tag]) for tag in tags} == {Verdict.INVALID}
    assert late.tag_index.judge(begun, ["never-seen"]) is Verdict.VALID


@pytest.mark.parametrize("garbage", ["1e308", "-1e308", "nan", "many", ""])
def test_i15_a_number_of_tags_that_cannot_be_read_is_counted_anew(logs, fresh_redis, garbage):
    log = new_log(logs, fresh_redis)
    for number in range(5):
        log.stream.append(Kind.INVALIDATE, [f"tag-{number}"], "")
    with redis.Redis.from_url(fresh_redis) as client:
        client.hset(log.stream.keys[2], "tags", garbage)
        for number in range(20):
            log.stream.append(Kind.INVALIDATE, [f"tag-{number}"], "")
        assert client.xlen(log.stream.stream) == 25
        assert int(client.hget(log.stream.keys[2], "tags")) == 20


def test_rule_11_a_log_that_is_written_to_while_the_base_is_read_is_joined_once(logs, fresh_redis, monkeypatch):
    """More records than the log keeps come while the base is read."""
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    monkeypatch.setattr(streams, "PARTS_A_READ", 100)
    writer, late = new_log(logs, fresh_redis), new_log(logs, fresh_redis)
    writer.reader.catch_up()
    begun = writer.tag_index.stamp()
    for number in range(100):
        writer.stream.append(Kind.INVALIDATE, [f"before-{number}"], "")
    read_parts = late.reader.stream.read_parts

    def read_while_written(first: int, last: int) -> list[bytes]:
        for number in range(10):
            writer.stream.append(Kind.INVALIDATE, [f"meanwhile-{first}-{number}"], "")
        return read_parts(first, last)

    monkeypatch.setattr("content.caching.ordering.log_reader.PARTS_A_READ", 100)
    monkeypatch.setattr(late.reader.stream, "read_parts", read_while_written)
    late.reader.catch_up()
    assert late.tag_index.joins == 1
    for tag in ("before-0", "before-99", "meanwhile-0-0", "meanwhile-1000-9"):
        assert late.tag_index.judge(begun, [tag]) is Verdict.INVALID
    assert late.tag_index.judge(begun, ["never-seen"]) is Verdict.VALID


def test_i14_a_poll_returns_a_bounded_number_of_bytes(logs, fresh_redis):
    log = new_log(logs, fresh_redis)
    begun = log.stream.poll("", NOWHERE)
    for number in range(40):
        log.stream.append(Kind.INVALIDATE, [f"{number}-{tag}-{'x' * 480}" for tag in range(20)], str(number))
    tail, seen, polls = begun.base, [], 0
    while True:
        result = log.stream.poll(begun.epoch, tail)
        assert sum(len(tag) for record in result.records for tag in record.tags) < 1_000_000
        seen += [record.nonce for record in result.records]
        tail, polls = result.records[-1].position, polls + 1
        if not result.has_more:
            break
    assert seen == ["", *map(str, range(40))]
    assert polls > 1


def test_a_log_sends_no_script_that_redis_knows(logs, fresh_redis):
    """A restart forgets scripts: the text follows, and no record is missed or appended twice."""
    log, client = new_log(logs, fresh_redis), redis.Redis.from_url(fresh_redis)
    begun = log.stream.poll("", NOWHERE)
    log.stream.append(Kind.INVALIDATE, ["a"], "1")
    asyncio.run(log.stream.aappend(Kind.INVALIDATE, ["b"], "2"))

    def length_of_a_poll() -> int:
        with watch_commands(client, lambda command: log.stream.stream in command) as watched:
            result = log.stream.poll(begun.epoch, begun.base)
        assert [record.nonce for record in result.records] == ["", "1", "2"]
        return sum(map(len, watched))

    assert length_of_a_poll() < 600
    client.script_flush()
    assert length_of_a_poll() > 2000
    client.script_flush()
    log.stream.append(Kind.INVALIDATE, ["c"], "3")
    client.script_flush()
    asyncio.run(log.stream.aappend(Kind.INVALIDATE, ["d"], "4"))
    result = log.stream.poll(begun.epoch, begun.base)
    assert [record.nonce for record in result.records] == ["", "1", "2", "3", "4"]
    client.close()


def test_rule_22_a_tag_that_no_living_entry_can_have_leaves_the_base_without_a_floor(logs, fresh_redis, monkeypatch):
    """And no other does, when its part is compacted."""
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 1)
    log = new_log(logs, fresh_redis)
    log.reader.catch_up()
    today = log.tag_index.tail[0]
    ages = [40 * DAY, 20 * DAY] * 300
    items = [
        number.to_bytes(8, "big") + (today - age).to_bytes(6, "big") + b"\0\0" for number, age in enumerate(ages)
    ]
    [tag] = islice((tag for tag in map(str, count()) if _part(_hash(b"i", tag)) == 5), 1)
    with redis.Redis.from_url(fresh_redis) as client:
        client.set(f"{log.stream.stream}:base:5", b"".join(items))
        client.hset(log.stream.keys[2], "items", len(items))
        log.stream.append(Kind.INVALIDATE, [tag], "")
        log.stream.append(Kind.INVALIDATE, ["another"], "")
        part = client.get(f"{log.stream.stream}:base:5")
        assert part[:-16] == b"".join(items[1::2])
        assert part[-16:-8] == _hash(b"i", tag)
        assert client.hget(log.stream.keys[2], "items") == b"301"
        assert client.hget(log.stream.keys[2], "floor") is None


@pytest.mark.parametrize("size", [300_000, 16 * 100_000, 7])
def test_i15_a_part_of_the_base_of_any_size_is_deleted(logs, fresh_redis, size):
    log = new_log(logs, fresh_redis)
    log.reader.catch_up()
    begun = log.tag_index.stamp()
    log.stream.append(Kind.INVALIDATE, ["a"], "")
    with redis.Redis.from_url(fresh_redis) as client:
        part = f"{log.stream.stream}:base:5"
        client.set(part, b"x" * size)
        late = new_log(logs, fresh_redis)
        late.reader.catch_up()
        assert not client.exists(part)
    assert late.tag_index.judge(begun, ["a"]) is Verdict.INVALID
    assert late.tag_index.judge(late.tag_index.stamp(), ["a"]) is Verdict.VALID


def test_the_release_before_this_one_finds_its_log_whole(logs, fresh_redis, monkeypatch):
    """It takes a log for lost, and ends the epoch, unless its snapshot names the first record."""
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    log = new_log(logs, fresh_redis)
    with redis.Redis.from_url(fresh_redis) as client:
        client.set(f"{log.stream.stream}:snapshot", "alien")
        for number in range(50):
            log.stream.append(Kind.INVALIDATE, [f"tag-{number}"], "")
            [(first, _)] = client.xrange(log.stream.stream, count=1)
            snapshot = client.hgetall(f"{log.stream.stream}:snapshot")
            assert snapshot[b"next"] == client.hget(log.stream.keys[2], "next") == first
            assert snapshot.get(b"floor") == client.hget(log.stream.keys[2], "position")


async def test_rule_22_a_reader_waits_for_a_process_that_joins(logs, fresh_redis, monkeypatch):
    """The base is not read yet, and so all that is older is taken for invalid. It would be loaded again."""
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    writer, late = new_log(logs, fresh_redis), new_log(logs, fresh_redis)
    writer.reader.catch_up()
    begun = writer.tag_index.stamp()
    for number in range(100):
        writer.stream.append(Kind.INVALIDATE, [f"before-{number}"], "")
    gate, read_parts = threading.Event(), late.reader.stream.read_parts
    monkeypatch.setattr(late.reader.stream, "read_parts", lambda *some: gate.wait(5) and read_parts(*some))
    late.reader.start()
    wait_until(lambda: late.tag_index.joins, "it has begun to join")
    headers = [Header(0, 0, 0, 0, True, 0, (tag,), begun) for tag in ("before-1", "never-seen")]
    assert late.tag_index.judge(begun, ["never-seen"]) is Verdict.INVALID
    judging = asyncio.ensure_future(LogOrdering(late).judge(headers))
    in_thread = asyncio.ensure_future(asyncio.to_thread(run_inline, LogOrdering(late).judge(headers)))
    await settle()
    assert not judging.done()
    assert not in_thread.done()
    gate.set()
    assert await judging == await in_thread == [Verdict.INVALID, Verdict.VALID]


def test_a_tag_that_is_folded_after_it_was_looked_up_is_found(monkeypatch):
    monkeypatch.setattr(tag_index_module, "RECENT_TAGS", 5)
    monkeypatch.setattr(tag_index_module, "FOLDED_AT_ONCE", 5)
    index = TagIndex()
    index.join("epoch", NOWHERE, floor=NOWHERE)
    begun, number = Stamp("epoch", (1, 0)), 0
    for kind, expected in ((Kind.EXPIRE, Verdict.EXPIRED), (Kind.INVALIDATE, Verdict.INVALID)):
        for tag in ("a", *map(str, range(20))):
            number += 1
            index.apply([Record((1, number), kind, (tag,), "")])
            assert index.judge(begun, ["never-seen"]) is Verdict.VALID
            assert index.judge(begun, ["a"]) is expected


# --- a million tags -----------------------------------------------------------------------------------


def append_many(stream: LogStream, client: redis.Redis, tags: int) -> None:
    stream.append(Kind.INVALIDATE, ["row:0"], "")
    with client.pipeline(transaction=False) as pipe:
        for first in range(0, tags, streams.TAGS_A_RECORD):
            some = [f"row:{number}" for number in range(first, first + streams.TAGS_A_RECORD)]
            pipe.execute_command(*stream.append_command(Kind.INVALIDATE, some, ""))
            if len(pipe) == 50:
                pipe.execute()
        pipe.execute()


@contextmanager
def longest_commands(client: redis.Redis) -> Iterator[dict[bytes, list[float]]]:
    """Milliseconds for which Redis was busy with a command, by its arguments without nonces; none below 1 ms."""
    client.config_set("slowlog-log-slower-than", 1000)
    client.config_set("slowlog-max-len", 10_000)
    client.slowlog_reset()
    found: dict[bytes, list[float]] = {}
    yield found
    for each in client.slowlog_get(10_000):
        found.setdefault(NONCE.sub(b"", each["command"]), []).append(each["duration"] / 1000)


def typical(joins: dict[bytes, list[float]]) -> list[float]:
    """The median of each command over the processes, the longest last: they all send the same when they join.

    Redis measures by the clock. A single time may be that for which another program had its core.
    """
    return sorted(statistics.median(each + [0.0] * (PROCESSES - len(each))) for each in joins.values())


def check_all_are_known(url: str, tags: int) -> None:
    log = InvalidationLog(Server(url, timeout=5, connect_timeout=5), "race")
    log.reader.catch_up()
    assert all(log.tag_index.last_position(Kind.INVALIDATE, f"row:{number}") > NOWHERE for number in range(tags))
    log.stop()


def check_joins(tags: int, keys: int) -> tuple[list[float], list[float], list[float]]:
    """Entries are stored, `tags` others invalidated, and six processes join at once."""
    with running_redis() as server, server.client() as client:
        first = Joiner(server.url, keys)
        first.go()
        stored = first.outcome()
        assert sorted(stored["loads"]) == list(range(keys))
        stream = LogStream(Server(server.url, timeout=5, connect_timeout=5), "race")
        with longest_commands(client) as appends:
            append_many(stream, client, tags)
            stream.append(Kind.INVALIDATE, ["post:1:card", "post:2:card"], "")
        check_all_are_known(server.url, tags)
        joiners = [Joiner(server.url, keys) for _ in range(PROCESSES)]
        with longest_commands(client) as joins:
            starts = [threading.Thread(target=joiner.go) for joiner in joiners]
            for start in starts:
                start.start()
            outcomes = [joiner.outcome() for joiner in joiners]
        assert [outcome["floor"] for outcome in outcomes] == [[0, 0]] * PROCESSES
        assert all(outcome["heard"] for outcome in outcomes)
        loads = sorted(load for outcome in outcomes for load in outcome["loads"])
        assert loads == [1, 2], "what was invalidated is loaded once, and nothing else is"
        for outcome in outcomes:
            assert outcome["values"] == outcomes[0]["values"]
        stream.close()
    return list(chain.from_iterable(appends.values())), typical(joins), [outcome["seconds"] for outcome in outcomes]


def test_rule_22_six_processes_join_a_log_with_many_tags_and_load_what_was_invalidated_once():
    check_joins(30_000, 50)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_rule_22_a_million_tags_end_no_other_entry_and_block_nobody():
    """The times are printed."""
    appends, joins, first_reads = check_joins(1_000_000, 200)
    report = f"ms of appends {sorted(appends)[-3:]}, of joins {joins[-3:]}; s until first reads {sorted(first_reads)}"
    print(report)
    assert statistics.median(appends or [0]) < 5, report
    assert max(joins, default=0) < 5, report
    assert max(first_reads) < 2.0, report
