"""The purges that the follower sends to a CDN that only records them."""

import asyncio
from collections.abc import Iterable

import pytest
from django.core.cache import caches
from hypothesis import given
from hypothesis import strategies as st

from content.caching import expire, invalidate
from content.caching.engines import engine_of
from content.caching.metrics.events import listen
from content.caching.ordering import stream
from content.caching.ordering.tag_index import Kind, Record
from content.cdn import cdn as purge_module
from content.cdn import checkpoint as checkpoint_module
from content.cdn.cdn import NotPurged, Purge
from content.cdn.follower import Follower
from content.cdn.providers import Cloudflare
from tests.content.cdn.conftest import await_checkpoint, checkpoints_for, follower_for, run_follower
from tests.support.wait import wait_until_async

pytestmark = pytest.mark.usefixtures("redis_cache")
ALL = ("all", ())


class RecordingCdn:
    """Raises the next of `errors`, then records and confirms each purge."""

    purges_softly = True
    early_repeat: float | None = None

    def __init__(self, *errors: NotPurged) -> None:
        self.purges: list[tuple[str, tuple[str, ...]]] = []
        self.weak: tuple[str, ...] = ()
        self.errors = list(errors)

    async def purge(self, tags: Iterable[str], *, soft: bool) -> None:
        """Records weak tags apart: each purge has those of its tags."""
        weak = tuple(tag for tag in tags if tag.startswith("~"))
        self.weak += weak
        if plain := tuple(tag for tag in tags if tag not in weak):
            self.record("soft" if soft else "hard", plain)

    async def purge_all(self) -> None:
        self.record(*ALL)

    def record(self, kind: str, tags: tuple[str, ...]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.purges.append((kind, tags))

    async def close(self) -> None:
        pass


async def catch_up(cdn: RecordingCdn, **options) -> list[tuple[str, tuple[str, ...]]]:
    """The purges of one complete run."""
    cdn.purges.clear()
    await follower_for(cdn, **options).catch_up(10)
    return cdn.purges


@pytest.mark.parametrize("poisoned", ["key", "lease_key"])
async def test_i15_a_key_of_another_type_does_not_stop_purges(poisoned, redis_server):
    await catch_up(RecordingCdn())
    checkpoints = checkpoints_for()
    with redis_server.client() as client:
        client.delete(getattr(checkpoints, poisoned))
        client.rpush(getattr(checkpoints, poisoned), "alien")
    purges = await catch_up(RecordingCdn())
    assert purges == ([ALL, ALL] if poisoned == "key" else [])
    await invalidate(["later"])
    assert ("hard", ("later",)) in await catch_up(RecordingCdn())


@pytest.mark.parametrize("stored", [b"\xff 1-1", b"epoch 1", b"epoch -1-2", f"epoch {2**64}-0".encode(), b"\x00" * 9])
async def test_i15_an_unreadable_checkpoint_purges_everything_once(stored, redis_server):
    await catch_up(RecordingCdn())
    with redis_server.client() as client:
        client.set(checkpoints_for().key, stored)
    assert await catch_up(RecordingCdn()) == [ALL, ALL]
    assert await catch_up(RecordingCdn()) == []


async def test_a_purge_without_a_price_is_repeated_early(redis_server):
    """For a response from a process that had not read the record when the first purge was sent."""
    await catch_up(RecordingCdn())
    cdn = RecordingCdn()
    cdn.early_repeat = 0.05
    async with run_follower(follower_for(cdn, repeat_after=600)), asyncio.timeout(60):
        await invalidate(["posts"])
        while cdn.purges != [("hard", ("posts",))] * 2:
            await asyncio.sleep(0.01)


async def test_the_first_run_purges_everything_twice():
    await invalidate(["before"])
    assert await catch_up(RecordingCdn()) == [ALL, ALL]


async def test_new_records_are_purged_twice_and_then_no_more():
    cdn = RecordingCdn()
    await catch_up(cdn)
    await invalidate(["a", "b"])
    await expire(["b", "c"])
    assert await catch_up(cdn) == [("hard", ("a", "b")), ("soft", ("c",))] * 2
    assert await catch_up(cdn) == []


async def test_purges_not_confirmed_twice_are_repeated_by_the_next_follower():
    cdn = RecordingCdn()
    await catch_up(cdn)
    await invalidate(["a"])
    follower = follower_for(cdn, repeat_after=60)
    await follower.catch_up(0.3)
    assert cdn.purges[-1] == ("hard", ("a",))
    assert await catch_up(cdn) == [("hard", ("a",))] * 2


async def test_a_purge_is_retried_until_it_is_confirmed():
    cdn = RecordingCdn()
    await catch_up(cdn)
    await invalidate(["a"])
    cdn.errors = [NotPurged("down"), NotPurged("down"), NotPurged("down")]
    with listen() as events:
        assert await catch_up(cdn) == [("hard", ("a",))] * 2
    assert (events["purge failed", "", "cdn"], events["purged", "", "cdn"]) == (3, 2)


async def test_a_retry_waits_for_retry_after():
    cdn = RecordingCdn()
    await catch_up(cdn)
    await invalidate(["a"])
    cdn.errors = [NotPurged("slowly", retry_after=0.5)]
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await catch_up(cdn) == [("hard", ("a",))] * 2
    assert loop.time() - began >= 0.5


async def test_a_refused_purge_becomes_a_purge_of_everything():
    cdn = RecordingCdn()
    await catch_up(cdn)
    await invalidate(["a"])
    cdn.errors = [NotPurged("what is that?", is_refused=True)]
    assert await catch_up(cdn) == [ALL, ("hard", ("a",))]


async def test_too_many_tags_become_a_purge_of_everything(monkeypatch):
    monkeypatch.setattr(purge_module, "MAX_TAGS", 3)
    cdn = RecordingCdn()
    await catch_up(cdn)
    await invalidate(["a", "b", "c", "d"])
    assert await catch_up(cdn) == [ALL, ALL]


@pytest.mark.parametrize("records", [1, 7])
async def test_records_of_several_polls_are_all_purged(monkeypatch, records):
    """Polls are bounded."""
    monkeypatch.setattr(stream, "RECORDS_A_POLL", records)
    cdn = RecordingCdn()
    await catch_up(cdn)
    for number in range(20):
        await invalidate([str(number)])
    purges = await catch_up(cdn)
    assert {tag for _, tags in purges for tag in tags} == {str(number) for number in range(20)}
    assert ALL not in purges


async def test_a_log_trimmed_past_the_checkpoint_is_a_gap(monkeypatch):
    monkeypatch.setattr(stream, "MAX_LOG_LENGTH", 10)
    cdn = RecordingCdn()
    await catch_up(cdn)
    for number in range(40):
        await invalidate([str(number)])
    assert await catch_up(cdn) == [ALL, ALL]


async def test_another_epoch_is_a_gap(redis_server):
    cdn = RecordingCdn()
    await catch_up(cdn)
    engine_of("default").ordering.log.stream.drop_epoch()
    assert await catch_up(cdn) == [ALL, ALL]


@pytest.mark.parametrize("stored", [b"nonsense", b"a b", b"\xff 1-1", b"epoch 1-"])
async def test_a_malformed_checkpoint_is_a_gap(redis_server, stored):
    cdn = RecordingCdn()
    await catch_up(cdn)
    with redis_server.client() as client:
        client.set(checkpoints_for().key, stored)
    assert await catch_up(cdn) == [ALL, ALL]


async def test_a_record_during_a_purge_of_everything_is_not_missed():
    """1. The follower reads the log to its end. 2. A record is appended. 3. The follower purges everything."""
    cdn = RecordingCdn()
    await invalidate(["before"])

    async def purge_all() -> None:
        cdn.record(*ALL)
        if len(cdn.purges) == 1:
            await invalidate(["meanwhile"])

    cdn.purge_all = purge_all
    assert ("hard", ("meanwhile",)) in await catch_up(cdn)


async def test_the_follower_survives_a_redis_that_is_down():
    cdn = RecordingCdn()
    async with run_follower(follower_for(cdn)) as follower:
        await await_checkpoint()
        poll, follower.stream.apoll = follower.stream.apoll, broken
        await invalidate(["a"])
        await wait_until_async(lambda: broken.count, "the follower fails to read")
        follower.stream.apoll = poll
        await wait_until_async(lambda: ("hard", ("a",)) in cdn.purges, "the CDN is purged")


class BrokenPoll:
    count = 0

    async def __call__(self, *arguments) -> None:
        self.count += 1
        raise OSError("down")


broken = BrokenPoll()


async def test_a_follower_that_lost_the_lease_does_not_move_the_checkpoint(redis_server):
    cdn = RecordingCdn()
    await catch_up(cdn)
    before = await checkpoints_for().read()
    await invalidate(["a"])
    cdn.errors = [NotPurged("down")] * 1000
    follower = follower_for(cdn, lease=0.3)
    run = asyncio.create_task(follower.run_under_lease(follower.run_forever))
    await wait_until_async(lambda: len(cdn.errors) < 1000, "the CDN refuses a purge")
    with redis_server.client() as client:
        client.set(follower.checkpoints.lease_key, "another's")
    await asyncio.wait_for(run, 30)
    assert await checkpoints_for().read() == before


async def test_a_rate_limit_of_cloudflare_is_waited_for(api):
    cdn = Cloudflare("zone", "token", api.url)
    follower: Follower = follower_for(cdn)
    await follower.catch_up(10)
    api.requests.clear()
    api.responses = [(429, {"retry-after": "1"}, b"")]
    await invalidate(["a"])
    loop = asyncio.get_running_loop()
    began = loop.time()
    await follower.catch_up(10)
    assert [request.body for request in api.requests] == [{"tags": ["a"]}] * 3
    assert loop.time() - began >= 1
    await cdn.close()


async def test_the_lag_is_the_age_of_the_oldest_unconfirmed_record(settings, monkeypatch):
    settings.CDN_URL = "varnish://127.0.0.1:1"
    checkpoints = checkpoints_for()
    log = follower_for(RecordingCdn()).stream
    monkeypatch.setattr(checkpoint_module, "stream_and_checkpoints", lambda: (log, checkpoints))
    cdn = RecordingCdn()
    await catch_up(cdn)
    assert checkpoint_module.lag() == 0
    await invalidate(["a"])
    await asyncio.sleep(0.05)
    assert 0.04 < checkpoint_module.lag() < 30
    await catch_up(cdn)
    assert checkpoint_module.lag() == 0
    assert caches["default"].key_prefix in checkpoints.key


async def test_without_a_cdn_there_is_no_lag():
    assert checkpoint_module.lag() is None


# --- purges ------------------------------------------------------------------------------------------------------

TAGS = st.lists(st.sampled_from("abcdef"), max_size=4).map(tuple)
RECORDS = st.lists(st.tuples(st.sampled_from(list(Kind)), TAGS)).map(
    lambda pairs: [Record((number, 0), kind, tags, "") for number, (kind, tags) in enumerate(pairs, 1)]
)


@given(RECORDS)
def test_a_purge_names_each_tag_once_hard_before_soft(records):
    purge = Purge.of(records, (0, 0))
    invalidated = {tag for record in records if record.kind is Kind.INVALIDATE for tag in record.tags}
    expired = {tag for record in records if record.kind is Kind.EXPIRE for tag in record.tags}
    assert (purge.hard, purge.soft) == (invalidated, expired - invalidated)
    assert purge.position == (len(records), 0)


def test_what_shows_a_changed_thing_in_passing_becomes_stale():
    purge = Purge.of([Record((1, 0), Kind.INVALIDATE, ("a",), ""), Record((2, 0), Kind.EXPIRE, ("b",), "")], (0, 0))
    assert purge.stale == {"~a", "b", "~b"}
    assert purge.hard == {"a"}


def test_a_withdrawal_is_purged_from_what_shows_it_in_passing():
    purge = Purge.of([Record((1, 0), Kind.INVALIDATE, ("a", "~a"), "")], (0, 0))
    assert (purge.hard, purge.stale) == ({"a", "~a"}, frozenset())


async def test_a_cdn_without_soft_purges_is_spared_them():
    cdn = RecordingCdn()
    await catch_up(cdn)
    cdn.purges_softly = False
    await invalidate(["a"])
    await expire(["b"])
    assert await catch_up(cdn) == [("hard", ("a",))] * 2
    assert not cdn.weak


async def test_the_weak_tags_of_a_record_are_purged_softly():
    cdn = RecordingCdn()
    await catch_up(cdn)
    await invalidate(["a", "b"])
    await catch_up(cdn)
    assert set(cdn.weak) == {"~a", "~b"}


@given(RECORDS, st.integers(0, 20))
def test_merged_purges_equal_the_purge_of_all_records(records, cut):
    first = Purge.of(records[:cut], (0, 0))
    assert first.merge(Purge.of(records[cut:], first.position)) == Purge.of(records, (0, 0))
