"""What is asked of a CDN that only records, and how often."""

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
from content.cdn import lag as lag_module
from content.cdn import order as order_module
from content.cdn.cdn import NotPurged
from content.cdn.cloudflare import Cloudflare
from content.cdn.follower import Follower
from content.cdn.order import Order
from tests.content.cdn.conftest import follower_for, following, marked, place_for
from tests.support.wait import wait_until_async

pytestmark = pytest.mark.usefixtures("redis_cache")
ALL = ("all", ())


class Recording:
    """Confirms each purge, but for what is in `errors`, the next first."""

    def __init__(self, *errors: NotPurged) -> None:
        self.told: list[tuple[str, tuple[str, ...]]] = []
        self.errors = list(errors)

    async def purge(self, tags: Iterable[str], *, soft: bool) -> None:
        self.tell("soft" if soft else "hard", tuple(tags))

    async def purge_all(self) -> None:
        self.tell(*ALL)

    def tell(self, kind: str, tags: tuple[str, ...]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.told.append((kind, tags))

    async def close(self) -> None:
        pass


async def after(cdn: Recording, **options) -> list[tuple[str, tuple[str, ...]]]:
    """What one run, until all is done, has told."""
    cdn.told.clear()
    await follower_for(cdn, **options).catch_up(10)
    return cdn.told


@pytest.mark.parametrize("poisoned", ["mark", "lease_key"])
async def test_i15_a_key_of_another_type_keeps_nobody_from_telling_the_cdn(poisoned, redis_server):
    await after(Recording())
    place = place_for()
    with redis_server.client() as client:
        client.delete(getattr(place, poisoned))
        client.rpush(getattr(place, poisoned), "alien")
    told = await after(Recording())
    assert told == ([ALL, ALL] if poisoned == "mark" else [])
    await invalidate(["later"])
    assert ("hard", ("later",)) in await after(Recording())


@pytest.mark.parametrize("stored", [b"\xff 1-1", b"epoch 1", b"epoch -1-2", f"epoch {2**64}-0".encode(), b"\x00" * 9])
async def test_i15_a_mark_that_cannot_be_read_purges_everything_once(stored, redis_server):
    await after(Recording())
    with redis_server.client() as client:
        client.set(place_for().mark, stored)
    assert await after(Recording()) == [ALL, ALL]
    assert await after(Recording()) == []


async def test_the_first_time_everything_is_purged_twice():
    await invalidate(["before"])
    assert await after(Recording()) == [ALL, ALL]


async def test_what_has_come_since_is_purged_twice_and_then_no_more():
    cdn = Recording()
    await after(cdn)
    await invalidate(["a", "b"])
    await expire(["b", "c"])
    assert await after(cdn) == [("hard", ("a", "b")), ("soft", ("c",))] * 2
    assert await after(cdn) == []


async def test_what_was_not_confirmed_twice_is_told_again_by_the_next():
    cdn = Recording()
    await after(cdn)
    await invalidate(["a"])
    follower = follower_for(cdn, again=60)
    await follower.catch_up(0.3)
    assert cdn.told[-1] == ("hard", ("a",))
    assert await after(cdn) == [("hard", ("a",))] * 2


async def test_it_is_asked_again_until_it_confirms(monkeypatch):
    cdn = Recording()
    await after(cdn)
    await invalidate(["a"])
    cdn.errors = [NotPurged("away"), NotPurged("away"), NotPurged("away")]
    with listen() as events:
        assert await after(cdn) == [("hard", ("a",))] * 2
    assert (events["purge failed", "", "cdn"], events["purged", "", "cdn"]) == (3, 2)


async def test_it_is_left_alone_as_it_asks():
    cdn = Recording()
    await after(cdn)
    await invalidate(["a"])
    cdn.errors = [NotPurged("slowly", retry_after=0.5)]
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await after(cdn) == [("hard", ("a",))] * 2
    assert loop.time() - began >= 0.5


async def test_what_it_refuses_holds_nothing_up():
    cdn = Recording()
    await after(cdn)
    await invalidate(["a"])
    cdn.errors = [NotPurged("what is that?", is_refused=True)]
    assert await after(cdn) == [ALL, ("hard", ("a",))]


async def test_too_much_at_once_is_everything(monkeypatch):
    monkeypatch.setattr(order_module, "MOST_TAGS", 3)
    cdn = Recording()
    await after(cdn)
    await invalidate(["a", "b", "c", "d"])
    assert await after(cdn) == [ALL, ALL]


@pytest.mark.parametrize("records", [1, 7])
async def test_more_than_one_poll_brings(monkeypatch, records):
    """Polls are bounded."""
    monkeypatch.setattr(stream, "RECORDS_A_POLL", records)
    cdn = Recording()
    await after(cdn)
    for number in range(20):
        await invalidate([str(number)])
    told = await after(cdn)
    assert {tag for _, tags in told for tag in tags} == {str(number) for number in range(20)}
    assert ALL not in told


async def test_a_log_that_has_forgotten_its_mark_is_a_gap(monkeypatch):
    monkeypatch.setattr(stream, "MAX_LOG_LENGTH", 10)
    cdn = Recording()
    await after(cdn)
    for number in range(40):
        await invalidate([str(number)])
    assert await after(cdn) == [ALL, ALL]


async def test_another_epoch_is_a_gap(redis_server):
    cdn = Recording()
    await after(cdn)
    engine_of("default").ordering.log.stream.drop_epoch()
    assert await after(cdn) == [ALL, ALL]


@pytest.mark.parametrize("stored", [b"nonsense", b"a b", b"\xff 1-1", b"epoch 1-"])
async def test_a_mark_that_is_none_is_a_gap(redis_server, stored):
    cdn = Recording()
    await after(cdn)
    with redis_server.client() as client:
        client.set(place_for().mark, stored)
    assert await after(cdn) == [ALL, ALL]


async def test_what_comes_while_everything_is_purged_is_not_missed():
    """1. The log is read to its end. 2. A record comes. 3. Everything is purged, or was just before."""
    cdn = Recording()
    await invalidate(["before"])

    async def purge_all() -> None:
        cdn.tell(*ALL)
        if len(cdn.told) == 1:
            await invalidate(["meanwhile"])

    cdn.purge_all = purge_all
    assert ("hard", ("meanwhile",)) in await after(cdn)


async def test_a_redis_that_goes_away_does_not_end_it():
    cdn = Recording()
    async with following(follower_for(cdn)) as follower:
        await marked()
        poll, follower.stream.apoll = follower.stream.apoll, broken
        await invalidate(["a"])
        await wait_until_async(lambda: broken.count, "the follower fails to read")
        follower.stream.apoll = poll
        await wait_until_async(lambda: ("hard", ("a",)) in cdn.told, "the CDN is purged")


class Broken:
    count = 0

    async def __call__(self, *arguments) -> None:
        self.count += 1
        raise OSError("away")


broken = Broken()


async def test_who_has_lost_the_lease_leaves_the_mark_to_the_next(redis_server):
    cdn = Recording()
    await after(cdn)
    before = await place_for().read()
    await invalidate(["a"])
    cdn.errors = [NotPurged("away")] * 1000
    follower = follower_for(cdn, lease=0.3)
    turn = asyncio.create_task(follower.turn(follower.for_ever))
    await wait_until_async(lambda: len(cdn.errors) < 1000, "the CDN refuses a purge")
    with redis_server.client() as client:
        client.set(follower.place.lease_key, "another's")
    await turn
    assert await place_for().read() == before


async def test_cloudflare_out_of_tokens_is_asked_when_it_said(interface):
    cdn = Cloudflare("zone", "token", interface.url)
    follower: Follower = follower_for(cdn)
    await follower.catch_up(10)
    interface.asked.clear()
    interface.answers = [(429, {"retry-after": "1"}, b"")]
    await invalidate(["a"])
    loop = asyncio.get_running_loop()
    began = loop.time()
    await follower.catch_up(10)
    assert [asked.body for asked in interface.asked] == [{"tags": ["a"]}] * 3
    assert loop.time() - began >= 1
    await cdn.close()


async def test_the_lag_is_the_age_of_what_is_not_confirmed(settings, monkeypatch):
    settings.CDN_URL = "varnish://127.0.0.1:1"
    place = place_for()
    log = follower_for(Recording()).stream
    monkeypatch.setattr(lag_module, "stream_and_place", lambda: (log, place))
    cdn = Recording()
    await after(cdn)
    assert lag_module.lag() == 0
    await invalidate(["a"])
    await asyncio.sleep(0.05)
    assert 0.04 < lag_module.lag() < 30
    await after(cdn)
    assert lag_module.lag() == 0
    assert caches["default"].key_prefix in place.mark


async def test_without_a_cdn_there_is_no_lag():
    assert lag_module.lag() is None


# --- orders ------------------------------------------------------------------------------------------------------

TAGS = st.lists(st.sampled_from("abcdef"), max_size=4).map(tuple)
RECORDS = st.lists(st.tuples(st.sampled_from(list(Kind)), TAGS)).map(
    lambda pairs: [Record((number, 0), kind, tags, "") for number, (kind, tags) in enumerate(pairs, 1)]
)


@given(RECORDS)
def test_an_order_names_each_tag_once_and_the_stricter_way(records):
    order = Order.of(records, (0, 0))
    invalidated = {tag for record in records if record.kind is Kind.INVALIDATE for tag in record.tags}
    expired = {tag for record in records if record.kind is Kind.EXPIRE for tag in record.tags}
    assert (order.hard, order.soft) == (invalidated, expired - invalidated)
    assert order.position == (len(records), 0)


@given(RECORDS, st.integers(0, 20))
def test_orders_together_are_the_order_of_all(records, cut):
    first = Order.of(records[:cut], (0, 0))
    assert first.and_then(Order.of(records[cut:], first.position)) == Order.of(records, (0, 0))
