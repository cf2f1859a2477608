"""A test for each rule of docs/protocol.md, named after its number."""

import subprocess
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from content.caching.backends.server import Server
from content.caching.entry import Stamp, Verdict
from content.caching.errors import NotAppended
from content.caching.metrics.events import totals
from content.caching.ordering import stream as streams
from content.caching.ordering import tag_index as tag_index_module
from content.caching.ordering.log import MAX_UNSENT, InvalidationLog
from content.caching.ordering.tag_index import NOWHERE, Kind, Record, TagIndex
from content.caching.refresh_queue import RefreshRequest, _decode_request
from tests.support.servers.redis import running_redis
from tests.support.wait import wait_until


def record(sequence: int, *tags: str, kind: Kind = Kind.INVALIDATE, nonce: str = "") -> Record:
    return Record((1, sequence), kind, tags, nonce)


@pytest.fixture
def tag_index() -> TagIndex:
    tag_index = TagIndex()
    tag_index.join("epoch", NOWHERE, floor=NOWHERE)
    return tag_index


def verdict(tag_index: TagIndex, sequence: int, *tags: str, epoch: str = "epoch") -> Verdict:
    return tag_index.judge(Stamp(epoch, (1, sequence)), tags)


class Watched(dict):
    """A map that notes where the tail was when it was written to."""

    def __init__(self, tag_index: TagIndex) -> None:
        self.tag_index, self.tails = tag_index, []

    def __setitem__(self, key, value) -> None:
        self.tails.append(self.tag_index.tail)
        super().__setitem__(key, value)


def test_rule_2_the_position_is_what_was_consumed_and_the_map_comes_before_it(tag_index):
    watched = tag_index.last[Kind.INVALIDATE] = Watched(tag_index)
    tag_index.apply([record(1, "a"), record(2, "b")])
    assert watched.tails == [NOWHERE, (1, 1)], "the tail stands before a record until its tags are known"
    assert tag_index.stamp() == Stamp("epoch", (1, 2))


def test_rule_3_an_append_of_our_own_does_not_move_the_tail(tag_index):
    tag_index.add_pending("mine", Kind.INVALIDATE, ["a"])
    assert tag_index.tail == NOWHERE
    assert verdict(tag_index, 9, "a") is Verdict.INVALID
    tag_index.apply([record(1, "b"), record(2, "a", nonce="mine")])
    assert tag_index.tail == (1, 2)
    assert verdict(tag_index, 2, "a") is Verdict.VALID
    assert verdict(tag_index, 1, "a") is Verdict.INVALID


@pytest.mark.parametrize("kinds", [[Kind.INVALIDATE, Kind.EXPIRE], [Kind.EXPIRE, Kind.INVALIDATE]])
def test_rule_4_a_tag_has_two_slots_and_a_soft_one_hides_no_hard_one(tag_index, kinds):
    tag_index.apply([record(number, "a", kind=kind) for number, kind in enumerate(kinds, 1)])
    assert verdict(tag_index, 0, "a") is Verdict.INVALID


def test_expired_is_not_invalid(tag_index):
    tag_index.apply([record(1, "a", kind=Kind.EXPIRE)])
    assert verdict(tag_index, 0, "a") is Verdict.EXPIRED
    assert verdict(tag_index, 1, "a") is Verdict.VALID


def test_rule_9_what_is_held_stays_held_until_its_own_record_was_seen(tag_index):
    tag_index.add_pending("mine", Kind.EXPIRE, ["a"])
    tag_index.apply([record(1, "a", nonce="another's"), record(2, "b")])
    assert verdict(tag_index, 2, "a") is Verdict.EXPIRED
    tag_index.apply([record(3, "a", kind=Kind.EXPIRE, nonce="mine")])
    assert verdict(tag_index, 3, "a") is Verdict.VALID


def test_rule_9_not_even_a_new_epoch_ends_it(tag_index):
    tag_index.add_pending("mine", Kind.INVALIDATE, ["a"])
    tag_index.join("other", (5, 0), floor=NOWHERE)
    assert tag_index.judge(Stamp("other", (5, 0)), ["a"]) is Verdict.INVALID


def test_rule_10_what_is_forgotten_raises_the_floor(tag_index, monkeypatch):
    few_tags(monkeypatch, recent=10, folded=5)
    tag_index.apply([record(number, f"tag-{number}") for number in range(1, 18)])
    assert tag_index.floor == (1, 7), "7 of 17 tags were folded, which is more than 5"
    assert verdict(tag_index, 6, "tag-5") is Verdict.INVALID
    assert verdict(tag_index, 6, "never-seen") is Verdict.INVALID
    assert verdict(tag_index, 7, "never-seen") is Verdict.VALID


def few_tags(monkeypatch, *, recent: int, folded: int) -> None:
    monkeypatch.setattr(tag_index_module, "RECENT_TAGS", recent)
    monkeypatch.setattr(tag_index_module, "FOLDED_AT_ONCE", 3)
    monkeypatch.setattr(tag_index_module, "MAX_TAGS", folded)


def test_rule_22_what_is_folded_is_not_forgotten(tag_index, monkeypatch):
    few_tags(monkeypatch, recent=10, folded=1000)
    tag_index.apply([record(number, f"tag-{number}") for number in range(1, 101)])
    assert len(tag_index.last[Kind.INVALIDATE]) <= 10
    for number in range(1, 101):
        assert verdict(tag_index, number - 1, f"tag-{number}") is Verdict.INVALID
        assert verdict(tag_index, number, f"tag-{number}") is Verdict.VALID
    assert verdict(tag_index, 1, "never-seen") is Verdict.VALID
    assert tag_index.floor == NOWHERE


@pytest.mark.parametrize(
    ("count", "megabytes"),
    [(100_000, 6), pytest.param(1_000_000, 64, marks=pytest.mark.slow)],
)
def test_rule_22_a_million_tags_take_at_most_64_mb(tag_index, count, megabytes):
    """And a tenth of them takes less than a tenth of that."""
    tracemalloc.start()
    try:
        for first in range(1, count + 1, 200):
            tags = tuple(f"row:{number}" for number in range(first, first + 200))
            tag_index.apply([Record((1, first), Kind.INVALIDATE, tags, "")])
        assert tracemalloc.get_traced_memory()[0] < megabytes * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert tag_index.floor == NOWHERE
    assert tag_index.judge(Stamp("epoch", (1, 1)), ["row:1"]) is Verdict.VALID
    assert tag_index.judge(Stamp("epoch", (0, 9)), ["row:1"]) is Verdict.INVALID
    assert tag_index.judge(Stamp("epoch", (1, 1)), [f"row:{count // 2}"]) is Verdict.INVALID


def test_rule_17_a_record_that_cannot_be_read_ends_what_was_made_before_it(tag_index):
    tag_index.apply([record(1, "a"), replace(record(2), is_readable=False), record(3, "b")])
    assert tag_index.tail == (1, 3)
    assert verdict(tag_index, 1, "anything") is Verdict.INVALID
    assert verdict(tag_index, 2, "anything") is Verdict.VALID


RECORDS = st.lists(
    st.tuples(st.sampled_from(list(Kind)), st.lists(st.sampled_from("abcd"), min_size=1, max_size=3)), max_size=30
)


@pytest.mark.parametrize("recent", [20_000, 1])
@given(RECORDS, st.integers(0, 30), st.lists(st.sampled_from("abcd"), max_size=4))
def test_a_verdict_is_what_the_records_behind_a_position_say(recent, history, position, tags):
    with pytest.MonkeyPatch.context() as patch:
        few_tags(patch, recent=recent, folded=1000)
        check_verdict(history, position, tags)


def check_verdict(history, position, tags) -> None:
    tag_index = TagIndex()
    tag_index.join("epoch", NOWHERE, floor=NOWHERE)
    tag_index.apply([record(number, *some, kind=kind) for number, (kind, some) in enumerate(history, 1)])
    behind = [kind for number, (kind, some) in enumerate(history, 1) if number > position and {*some} & {*tags}]
    expected = Verdict.INVALID if Kind.INVALIDATE in behind else Verdict.EXPIRED if behind else Verdict.VALID
    assert verdict(tag_index, position, *tags) is expected


# --- on a real Redis --------------------------------------------------------------------------------


@pytest.fixture
def logs(fresh_redis) -> Iterator[list[InvalidationLog]]:
    """Makes logs of one name, each as a process of its own would."""
    made: list[InvalidationLog] = []
    yield made
    for log in made:
        # Its thread ends by itself, in a quarter of a second that no test needs to wait for.
        log.stop(wait=False)


def follow(logs: list[InvalidationLog], url: str) -> InvalidationLog:
    log = InvalidationLog(Server(url, timeout=0.5, connect_timeout=0.5), "rules")
    log.follow()
    logs.append(log)
    return log


def level(*logs: InvalidationLog) -> bool:
    return len({(log.tag_index.epoch, log.tag_index.tail) for log in logs}) == 1


def test_rule_3_what_others_appended_before_is_read_and_not_jumped_over(logs, fresh_redis):
    """This process is behind when it appends; then it goes on."""
    log = InvalidationLog(Server(fresh_redis, timeout=0.5, connect_timeout=0.5), "rules")
    logs.append(log)
    log.reader.catch_up()
    begun = log.tag_index.stamp()
    follow(logs, fresh_redis).append(Kind.INVALIDATE, ["theirs"])
    log.append(Kind.INVALIDATE, ["ours"])
    log.reader.catch_up()
    assert log.tag_index.judge(begun, ["theirs"]) is Verdict.INVALID
    assert log.tag_index.judge(begun, ["ours"]) is Verdict.INVALID


def test_what_one_appends_all_consume(logs, fresh_redis):
    one, other = follow(logs, fresh_redis), follow(logs, fresh_redis)
    stamp = other.tag_index.stamp()
    one.append(Kind.INVALIDATE, ["a", "b"])
    assert one.tag_index.judge(stamp, ["a"]) is Verdict.INVALID, "here at once"
    wait_until(lambda: other.tag_index.judge(stamp, ["b"]) is Verdict.INVALID, "elsewhere soon")
    assert level(one, other)


def test_rule_6_a_load_behind_the_own_record_is_kept(logs, fresh_redis):
    log = follow(logs, fresh_redis)
    log.append(Kind.INVALIDATE, ["a"])
    assert log.tag_index.judge(log.tag_index.stamp(), ["a"]) is Verdict.VALID


def test_rule_10_a_process_that_joins_late_knows_what_was_trimmed(logs, fresh_redis, monkeypatch):
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    early = follow(logs, fresh_redis)
    for number in range(200):
        early.append(Kind.EXPIRE if number % 3 else Kind.INVALIDATE, [f"tag-{number % 50}"])
    assert early.stream.connect().xlen(early.stream.stream) <= 21
    late = follow(logs, fresh_redis)
    assert level(early, late)
    assert positions(late) == positions(early)


def test_rule_11_while_the_base_is_not_read_nothing_from_before_it_is_valid(logs, fresh_redis, monkeypatch):
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    early = follow(logs, fresh_redis)
    begun = early.tag_index.stamp()
    for number in range(100):
        early.append(Kind.INVALIDATE, [f"tag-{number}"])
    late = InvalidationLog(Server(fresh_redis, timeout=0.5, connect_timeout=0.5), "rules")
    logs.append(late)
    seen = []
    read_parts = late.reader.stream.read_parts

    def read_and_judge(first, last):
        seen.append((late.tag_index.judge(begun, ["tag-1"]), late.tag_index.judge(begun, ["never-seen"])))
        return read_parts(first, last)

    monkeypatch.setattr(late.reader.stream, "read_parts", read_and_judge)
    late.reader.catch_up()
    assert set(seen) == {(Verdict.INVALID, Verdict.INVALID)}
    assert late.tag_index.judge(begun, ["tag-1"]) is Verdict.INVALID
    assert late.tag_index.judge(begun, ["never-seen"]) is Verdict.VALID


def positions(log: InvalidationLog) -> dict[str, object]:
    return {
        f"{kind.value}{number}": log.tag_index.last_position(kind, f"tag-{number}")
        for kind in Kind
        for number in range(50)
    }


def test_rule_11_a_process_that_fell_behind_the_trimming_begins_anew(logs, fresh_redis, monkeypatch):
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    slow, quick = follow(logs, fresh_redis), follow(logs, fresh_redis)
    slow.stop()
    for number in range(100):
        quick.append(Kind.INVALIDATE, [f"tag-{number % 50}"])
    slow.reader.stopping.clear()
    slow.reader.catch_up()
    assert level(slow, quick)
    assert positions(slow) == positions(quick)


# --- I15: nothing that others leave there stops a process ------------------------------------------------


ALIENS = {
    "of another program": {b"x": b"y"},
    "with a number for a tag": {b"k": b"i", b"n": b"", b"t": msgspec.msgpack.encode([42])},
    "with broken text": {b"k": b"i", b"n": b"\xff", b"t": b"\x91\xa2\xff\xfe"},
    "with half a character": {b"k": b"i", b"n": b"", b"t": b"\x91\xa6\xe0\xc3\xa9\xa0\x80a"},
    "nested without end": {b"k": b"i", b"n": b"", b"t": b"\x91" * 100_000},
    "with a mapping": {b"k": b"i", b"n": b"", b"t": msgspec.msgpack.encode({"a": 1})},
    "with a million tags": {b"k": b"i", b"n": b"", b"t": msgspec.msgpack.encode(["a"] * 1_000_000)},
    "cut short": {b"k": b"i", b"n": b"", b"t": b"\x92\xa1a"},
    "without anything in it": {b"t": b""},
}
NEWER = {
    "of an unknown kind": {b"k": b"rename", b"n": b"", b"t": msgspec.msgpack.encode(["a"])},
    "with more fields": {b"k": b"i", b"n": b"", b"t": msgspec.msgpack.encode(["a"]), b"z": b"\xff"},
}


@pytest.mark.parametrize("fields", ALIENS.values(), ids=ALIENS)
@pytest.mark.parametrize("place", ["newest", "oldest", "only"])
def test_rule_17_an_alien_record_is_stepped_over_and_counted(logs, fresh_redis, monkeypatch, fields, place):
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    log = follow(logs, fresh_redis)
    log.append(Kind.INVALIDATE, ["before"])
    begun, counted = log.tag_index.stamp(), totals["unreadable", "", "log"]
    with redis.Redis.from_url(fresh_redis) as client:
        if place == "only":
            client.delete(log.stream.stream)
        client.xadd(log.stream.stream, fields)
    wait_until(lambda: log.tag_index.judge(begun, ["anything"]) is Verdict.INVALID, "it was consumed")
    if place != "only":
        assert totals["unreadable", "", "log"] == counted + 1
    for number in range(50 if place == "oldest" else 1):
        log.append(Kind.INVALIDATE, [f"after-{number}"])
    late = follow(logs, fresh_redis)
    for each in (log, late):
        wait_until(lambda each=each: each.tag_index.is_heard, "it is heard")
        assert each.tag_index.judge(begun, ["anything"]) is Verdict.INVALID
        assert each.tag_index.judge(each.tag_index.stamp(), ["anything"]) is Verdict.VALID
    assert late.stream.connect().xlen(late.stream.stream) <= 21


PACKED = [b"k", b"i", b"n", b"nonce", b"t", msgspec.msgpack.encode(["a", "caf\u00e9"])]


@given(st.integers(0, 5), st.integers(0, 20), st.integers(0, 5), st.binary(max_size=5))
def test_i9_a_record_of_changed_bytes_is_a_record(field, place, removed, change):
    """A base with the same tags, or one that is not readable."""
    pairs, changed = list(PACKED), bytearray(PACKED[field])
    changed[place : place + removed] = change
    pairs[field] = bytes(changed)
    found = streams._parse_record(b"5-7", pairs)
    assert found.position == (5, 7)
    assert all(isinstance(tag, str) for tag in found.tags)
    assert found.is_readable or found.kind is Kind.INVALIDATE


@given(st.integers(0, 40), st.integers(0, 5), st.binary(max_size=5), st.binary(max_size=20))
def test_i9_a_member_of_the_queue_of_changed_bytes_is_a_request_or_none(place, removed, change, seen):
    member = bytearray(msgspec.msgpack.encode(("book", (1, "a", None, (2.5, True)))))
    member[place : place + removed] = change
    found = _decode_request(bytes(member), seen)
    assert found is None or isinstance(found, RefreshRequest)


def test_rule_17_text_of_all_alphabets_is_read(logs, fresh_redis, monkeypatch):
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    log = follow(logs, fresh_redis)
    begun = log.tag_index.stamp()
    tags = ["caf\u00e9", "\u0800\uffff\ud7ff", "\U00010000\U0010ffff\U0001f332", "\x00\x7f"]
    for number in range(50):
        log.append(Kind.INVALIDATE, [*tags, f"after-{number}"])
    late = follow(logs, fresh_redis)
    assert {late.tag_index.judge(begun, [tag]) for tag in tags} == {Verdict.INVALID}
    assert late.tag_index.judge(begun, ["never-seen"]) is Verdict.VALID


@pytest.mark.parametrize("fields", NEWER.values(), ids=NEWER)
def test_rule_17_a_record_of_a_newer_release_invalidates_its_tags(logs, fresh_redis, monkeypatch, fields):
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    log = follow(logs, fresh_redis)
    begun = log.tag_index.stamp()
    with redis.Redis.from_url(fresh_redis) as client:
        client.xadd(log.stream.stream, fields)
    wait_until(lambda: log.tag_index.judge(begun, ["a"]) is Verdict.INVALID, "it was consumed")
    for number in range(50):
        log.append(Kind.INVALIDATE, [f"after-{number}"])
    for each in (log, follow(logs, fresh_redis)):
        assert each.tag_index.judge(begun, ["a"]) is Verdict.INVALID
        assert each.tag_index.judge(begun, ["never-seen"]) is Verdict.VALID


def last_id(client: redis.Redis, log: InvalidationLog) -> None:
    client.xadd(log.stream.stream, {"x": "y"}, id=f"{2**64 - 1}-{2**64 - 1}")


SPOILED = {
    "the stream is a text": lambda client, log: replace_key(client, log.stream.keys[0], "set"),
    "the nonce is a list": lambda client, log: replace_key(client, log.stream.keys[1], "rpush"),
    "the base is a text": lambda client, log: replace_key(client, log.stream.keys[2], "set"),
    "the nonce is broken": lambda client, log: client.set(log.stream.keys[1], b"\xff\xfe"),
    "the nonce is long": lambda client, log: client.set(log.stream.keys[1], "a" * 1_000_000),
    "the position is broken": lambda client, log: client.hset(log.stream.keys[2], "position", b"\xff"),
    "the floor is broken": lambda client, log: client.hset(log.stream.keys[2], "floor", "1-2-3"),
    "the number of items is broken": lambda client, log: client.hset(log.stream.keys[2], "items", "many"),
    "a size is broken": lambda client, log: client.hset(
        log.stream.keys[2], mapping={f"size:{log.stream.stream}:base:{part}": "x" for part in range(1024)}
    ),
    "the last id is taken": last_id,
}


def replace_key(client: redis.Redis, key: str, how: str) -> None:
    client.delete(key)
    getattr(client, how)(key, "alien")


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_i15_a_spoiled_log_heals_without_a_hand(logs, fresh_redis, monkeypatch, spoil):
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    log = follow(logs, fresh_redis)
    for number in range(50):
        log.append(Kind.INVALIDATE, [f"before-{number}"])
    begun = log.tag_index.stamp()
    with redis.Redis.from_url(fresh_redis) as client:
        spoil(client, log)
    for number in range(50):
        log.append(Kind.INVALIDATE, [f"after-{number}"])
    late = follow(logs, fresh_redis)
    for each in (log, late):
        wait_until(lambda each=each: each.tag_index.is_heard and level(log, late), "it is heard")
        assert each.tag_index.judge(begun, ["after-3"]) is Verdict.INVALID
        assert each.tag_index.judge(each.tag_index.stamp(), ["after-3"]) is Verdict.VALID


@pytest.mark.parametrize("how", ["set", "rpush", "append"])
def test_i15_a_part_of_the_base_that_is_not_ours_ends_what_could_depend_on_it(logs, fresh_redis, monkeypatch, how):
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    log = follow(logs, fresh_redis)
    begun = log.tag_index.stamp()
    for number in range(50):
        log.append(Kind.INVALIDATE, [f"before-{number}"])
    with redis.Redis.from_url(fresh_redis) as client:
        part, *_ = client.scan_iter(match="*:base:*")
        replace_key(client, part, how) if how != "append" else client.append(part, "alien")
    late = follow(logs, fresh_redis)
    wait_until(lambda: late.tag_index.is_heard, "it is heard")
    assert late.tag_index.judge(begun, ["anything"]) is Verdict.INVALID
    log.append(Kind.INVALIDATE, ["later"])
    assert late.tag_index.judge(late.tag_index.stamp(), ["anything"]) is Verdict.VALID


def test_rule_22_redis_keeps_the_last_position_of_each_tag_in_few_bytes(logs, fresh_redis, monkeypatch):
    """Parts are compacted as they grow: the same tags, again and again, take no more room."""
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    log = follow(logs, fresh_redis)
    begun = log.tag_index.stamp()
    tags = [f"tag-{number}" for number in range(150)]
    for _ in range(100):
        log.append(Kind.EXPIRE, [*tags, "one-more"] * 2)
    with redis.Redis.from_url(fresh_redis) as client:
        for _ in range(600):
            log.append(Kind.EXPIRE, ["tag-1"])
        sizes = [client.strlen(key) for key in client.scan_iter(match="*:base:*")]
        assert max(sizes) < 3 * 4096
        assert int(client.hget(log.stream.keys[2], "items")) * 16 == sum(sizes)
    late = follow(logs, fresh_redis)
    assert [late.tag_index.judge(begun, [tag]) for tag in (*tags, "never-seen")] == [Verdict.EXPIRED] * 150 + [
        Verdict.VALID
    ]


def test_rule_22_past_its_bound_the_base_is_forgotten_and_the_floor_rises(logs, fresh_redis, monkeypatch):
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    monkeypatch.setattr(streams, "MAX_ITEMS", 30)
    log = follow(logs, fresh_redis)
    begun = log.tag_index.stamp()
    for number in range(100):
        log.append(Kind.EXPIRE, [f"tag-{number}"])
    late = follow(logs, fresh_redis)
    assert late.tag_index.judge(begun, ["never-seen"]) is Verdict.INVALID
    assert late.tag_index.judge(late.tag_index.stamp(), ["never-seen"]) is Verdict.VALID


def test_many_tags_are_several_records_and_pending_together(logs, fresh_redis):
    log = follow(logs, fresh_redis)
    begun = log.tag_index.stamp()
    tags = [f"tag-{number}" for number in range(1001)]
    log.append(Kind.INVALIDATE, tags, "mine")
    assert log.stream.connect().xlen(log.stream.stream) == 1 + 11
    assert not log.tag_index.pending
    assert {log.tag_index.judge(begun, [tag]) for tag in tags} == {Verdict.INVALID}


@pytest.mark.parametrize("nonce", ["\ud800", "caf\u00e9", "x" * 201, "", 7, b"a"])
def test_i15_a_nonce_that_cannot_be_sent_is_refused_before_anything_is_pending(logs, fresh_redis, nonce):
    log = follow(logs, fresh_redis)
    with pytest.raises(ValueError, match="ASCII"):
        log.append(Kind.INVALIDATE, ["a"], nonce)
    assert not log.tag_index.pending
    assert not log.unsent


def test_i15_an_append_that_ends_in_any_error_is_sent_again(logs, fresh_redis, monkeypatch):
    """An interrupted append may have been sent or not."""
    log = follow(logs, fresh_redis)
    begun = log.tag_index.stamp()
    monkeypatch.setattr(log.stream, "append", raising(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        log.append(Kind.INVALIDATE, ["a"])
    wait_until(lambda: not log.tag_index.pending, "it was sent and consumed")
    assert log.tag_index.judge(begun, ["a"]) is Verdict.INVALID
    assert log.tag_index.judge(log.tag_index.stamp(), ["a"]) is Verdict.VALID


def test_i14_past_a_bound_what_redis_does_not_take_ends_the_epoch_instead(logs, fresh_redis, monkeypatch):
    writer, other = follow(logs, fresh_redis), follow(logs, fresh_redis)
    begun = writer.tag_index.stamp()
    monkeypatch.setattr(writer.stream, "append", raising(ConnectionError))
    monkeypatch.setattr(writer.reader.stream, "append", raising(ConnectionError))
    monkeypatch.setattr(writer.reader.stream, "drop_epoch", raising(ConnectionError))
    for number in range(MAX_UNSENT + 1):
        with pytest.raises(NotAppended):
            writer.append(Kind.INVALIDATE, [f"row:{number}"])
    assert not writer.unsent
    assert not writer.tag_index.pending
    assert writer.tag_index.judge(begun, ["row:0"]) is Verdict.INVALID
    assert writer.tag_index.stamp() is None, "nothing is stored"
    monkeypatch.undo()
    for log in writer, other:
        wait_until(lambda log=log: log.tag_index.epoch not in ("", begun.epoch), "the epoch has ended", 5)
        assert log.tag_index.judge(begun, ["row:0"]) is Verdict.INVALID


def test_i15_a_record_that_can_never_be_sent_ends_the_epoch_once(logs, fresh_redis, monkeypatch):
    log = follow(logs, fresh_redis)
    begun = log.tag_index.stamp()
    monkeypatch.setattr(log.stream, "append", raising(OverflowError))
    monkeypatch.setattr(log.reader.stream, "append", raising(OverflowError))
    with pytest.raises(OverflowError):
        log.append(Kind.INVALIDATE, ["a"])
    wait_until(
        lambda: not log.tag_index.pending and log.tag_index.epoch not in ("", begun.epoch), "it is given up", 2
    )
    assert log.tag_index.judge(begun, ["never-seen"]) is Verdict.INVALID
    assert log.tag_index.judge(log.tag_index.stamp(), ["a"]) is Verdict.VALID
    assert not log.unsent


def raising(error: type[BaseException]):
    def fail(*arguments: object) -> None:
        raise error

    return fail


def test_rule_11_a_stream_that_was_deleted_ends_the_epoch(logs, fresh_redis):
    log = follow(logs, fresh_redis)
    log.append(Kind.INVALIDATE, ["a"])
    stamp, epoch = log.tag_index.stamp(), log.tag_index.epoch
    log.stream.connect().delete(log.stream.stream)
    wait_until(lambda: log.tag_index.epoch not in (epoch, ""), "another epoch was joined")
    assert log.tag_index.judge(stamp, ["b"]) is Verdict.INVALID


def test_rule_11_nor_is_what_was_trimmed_by_hand_forgotten(logs, fresh_redis):
    """Behind the back of the snapshot: what was in the records nobody knows."""
    log = follow(logs, fresh_redis)
    begun = log.tag_index.stamp()
    log.append(Kind.INVALIDATE, ["a"])
    log.append(Kind.INVALIDATE, ["b"])
    with redis.Redis.from_url(fresh_redis) as client:
        client.xtrim(log.stream.stream, maxlen=1, approximate=False)
    late = follow(logs, fresh_redis)
    assert late.tag_index.judge(begun, ["a"]) is Verdict.INVALID
    wait_until(lambda: level(log, late), "all begin anew")
    assert log.tag_index.judge(begun, ["anything"]) is Verdict.INVALID


def test_rule_12_so_does_a_nonce_that_is_gone(logs, fresh_redis):
    log = follow(logs, fresh_redis)
    stamp, epoch = log.tag_index.stamp(), log.tag_index.epoch
    log.stream.drop_epoch()
    wait_until(lambda: log.tag_index.epoch not in (epoch, ""), "another epoch was joined")
    assert log.tag_index.judge(stamp, ["b"]) is Verdict.INVALID


def test_rule_12_and_a_redis_that_came_back_with_its_data(logs, tmp_path):
    options = ("--dir", str(tmp_path), "--appendonly", "yes")
    with running_redis(*options) as server:
        log = follow(logs, server.url)
        log.append(Kind.INVALIDATE, ["a"])
        stamp, epoch = log.tag_index.stamp(), log.tag_index.epoch
    with running_redis(*options, port=server.port) as again:
        assert again.port == server.port
        wait_until(
            lambda: log.tag_index.epoch not in (epoch, "") and log.tag_index.is_heard, "another epoch was joined"
        )
        assert log.tag_index.epoch.partition(":")[0] == epoch.partition(":")[0], (
            "the nonce survived, and is not enough"
        )
        assert log.tag_index.judge(stamp, ["b"]) is Verdict.INVALID
        log.stop()


def test_rule_8_a_log_that_hangs_is_not_heard_within_its_bound_and_then_again(logs):
    with running_redis() as server:
        log = follow(logs, server.url)
        assert log.tag_index.is_heard
        subprocess.run(["kill", "-STOP", str(server.process.pid)], check=True)
        wait_until(lambda: not log.tag_index.is_heard, "it fell silent", 3)
        subprocess.run(["kill", "-CONT", str(server.process.pid)], check=True)
        wait_until(lambda: log.tag_index.is_heard, "it was heard again")
        log.stop()


def test_rule_8_nor_is_a_replica_that_may_not_write(logs):
    with running_redis() as server:
        log = follow(logs, server.url)
        with server.client() as client:
            client.replicaof("127.0.0.1", 1)
        wait_until(lambda: not log.tag_index.is_heard, "a demoted master is no log", 3)
        log.stop()
