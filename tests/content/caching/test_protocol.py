"""A test for each rule of docs/protocol.md, named after its number."""

import subprocess
from collections.abc import Iterator

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from content.caching.backends.server import Server
from content.caching.entry import Stamp, Verdict
from content.caching.ordering import stream as streams
from content.caching.ordering import tag_index as tag_index_module
from content.caching.ordering.log import InvalidationLog
from content.caching.ordering.tag_index import NOWHERE, Kind, Record, TagIndex
from tests.support.servers.process import wait_until
from tests.support.servers.redis import running_redis


def record(sequence: int, *tags: str, kind: Kind = Kind.INVALIDATE, nonce: str = "") -> Record:
    return Record((1, sequence), kind, tags, nonce)


@pytest.fixture
def tag_index() -> TagIndex:
    tag_index = TagIndex()
    tag_index.adopt_snapshot("epoch", NOWHERE, NOWHERE, {}, {})
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
    tag_index.adopt_snapshot("other", (5, 0), NOWHERE, {}, {})
    assert tag_index.judge(Stamp("other", (5, 0)), ["a"]) is Verdict.INVALID


def test_rule_10_what_is_forgotten_raises_the_floor(tag_index, monkeypatch):
    monkeypatch.setattr(tag_index_module, "MAX_TAGS", 10)
    tag_index.apply([record(number, f"tag-{number}") for number in range(1, 12)])
    forgotten = [number for number in range(1, 12) if f"tag-{number}" not in tag_index.last[Kind.INVALIDATE]]
    assert forgotten == [1, 2, 3, 4, 5]
    assert tag_index.floor == (1, 5)
    assert verdict(tag_index, 4, "tag-5") is Verdict.INVALID
    assert verdict(tag_index, 4, "never-seen") is Verdict.INVALID
    assert verdict(tag_index, 5, "never-seen") is Verdict.VALID


RECORDS = st.lists(
    st.tuples(st.sampled_from(list(Kind)), st.lists(st.sampled_from("abcd"), min_size=1, max_size=3)), max_size=30
)


@given(RECORDS, st.integers(0, 30), st.lists(st.sampled_from("abcd"), max_size=4))
def test_a_verdict_is_what_the_records_behind_a_position_say(history, position, tags):
    tag_index = TagIndex()
    tag_index.adopt_snapshot("epoch", NOWHERE, NOWHERE, {}, {})
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
        log.stop()


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


def test_rule_10_who_joins_late_knows_what_was_trimmed(logs, fresh_redis, monkeypatch):
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    early = follow(logs, fresh_redis)
    for number in range(200):
        early.append(Kind.EXPIRE if number % 3 else Kind.INVALIDATE, [f"tag-{number % 50}"])
    assert early.stream.connect().xlen(early.stream.stream) <= 21
    late = follow(logs, fresh_redis)
    assert level(early, late)
    assert late.tag_index.last == early.tag_index.last


def test_rule_11_who_fell_behind_the_trimming_begins_anew(logs, fresh_redis, monkeypatch):
    monkeypatch.setattr(streams, "MAX_LOG_LENGTH", 20)
    slow, quick = follow(logs, fresh_redis), follow(logs, fresh_redis)
    slow.stop()
    for number in range(100):
        quick.append(Kind.INVALIDATE, [f"tag-{number % 50}"])
    slow.reader.stopping.clear()
    slow.reader.catch_up()
    assert level(slow, quick)
    assert slow.tag_index.last == quick.tag_index.last


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
        wait_until(lambda: log.tag_index.is_heard, "it was heard again", 3)
        log.stop()


def test_rule_8_nor_is_a_replica_that_may_not_write(logs):
    with running_redis() as server:
        log = follow(logs, server.url)
        with server.client() as client:
            client.replicaof("127.0.0.1", 1)
        wait_until(lambda: not log.tag_index.is_heard, "a demoted master is no log", 3)
        log.stop()
