"""Rule 20: a change of what a value shows in passing makes it stale, and a withdrawal makes it invalid."""

import asyncio
from datetime import timedelta

import pytest

from content.caching import NotThere, Policy, Resource, expire, invalidate
from content.caching.dependencies import shown_in_passing, track_dependencies
from content.caching.engines import engine_of
from content.caching.entry import Stamp, Verdict
from content.caching.key import weak_tag
from content.caching.ordering.tag_index import FOLDED_AT_ONCE, RECENT_TAGS, Kind, Record, TagIndex
from content.caching.testing import Clock
from tests.support.caches import redis_cache, use_cache
from tests.support.engine import wait_for_engine
from tests.support.source import Source

POLICY = Policy(ttl=timedelta(minutes=1), stale_ttl=timedelta(hours=1), jitter=0, early=0, ahead=0)
LONG = Policy(ttl=timedelta(hours=2), stale_ttl=timedelta(hours=2), jitter=0, early=0, ahead=0)


class Site:
    """A card, and a page that shows it in passing."""

    def __init__(self, source: Source) -> None:
        self.source, self.renders = source, 0
        self.card = Resource("card", load=self.load_card, policy=POLICY, tags=lambda: ("post:1:card",))
        self.page = Resource("page_beside", load=self.load_page, policy=LONG, tags=lambda: ("post:2",))

    async def load_card(self) -> str:
        return await self.source.load()

    async def load_page(self) -> str:
        self.renders += 1
        with shown_in_passing():
            try:
                return f"beside {await self.card.get()}"
            except NotThere:
                return "alone"


@pytest.fixture
def site(alias) -> Site:
    return Site(Source("old"))


async def read_until(site: Site, text: str, clock: Clock) -> None:
    """Readers come again, a second later each."""
    for _ in range(20):
        if await site.page.get() == text:
            return
        await wait_for_engine()
        clock.forward(1)
    raise AssertionError(f"{await site.page.get()!r} is not {text!r}")


async def test_a_change_is_served_stale_and_made_again_behind(site, clock):
    assert await site.page.get() == "beside old"
    site.source.value = "new"
    site.source.hold()
    await invalidate(["post:1:card"])
    assert await site.page.get() == "beside old", "no reader waits while the card is loaded"
    site.source.release()
    await read_until(site, "beside new", clock)


async def test_a_withdrawal_is_never_served_again(site):
    assert await site.page.get() == "beside old"
    site.source.error = NotThere("withdrawn")
    await invalidate(["post:1:card", weak_tag("post:1:card")])
    assert await site.page.get() == "alone"


async def test_a_change_of_the_page_itself_ends_it(site):
    await site.page.get()
    renders = site.renders
    await invalidate(["post:2"])
    await site.page.get()
    assert site.renders == renders + 1


async def test_an_expiry_makes_it_stale_as_well(site, clock):
    await site.page.get()
    site.source.value = "new"
    await expire(["post:1:card"])
    await read_until(site, "beside new", clock)


async def test_what_is_shown_in_passing_bounds_no_time_of_the_whole(site, clock):
    await site.page.get()
    clock.forward(3000)
    assert await site.page.fresh_for() > 0


async def test_made_beside_something_stale_it_is_stored_and_stale(site, clock):
    """Readers get it at once, and it is made again when the part is new."""
    await site.card.get()
    clock.forward(90)
    site.source.value = "new"
    site.source.hold()
    with track_dependencies() as dependencies:
        assert await site.page.get() == "beside old"
    assert dependencies.stale
    stored = await engine_of("default").tiers.lookup([site.page.entry_key((), {})])
    assert stored, "readers who come meanwhile do not make it again"
    site.source.release()
    await read_until(site, "beside new", clock)
    assert await site.page.fresh_for() > 0


async def test_reads_inside_of_tasks_are_in_passing_too(alias):
    source = Source(1)
    part = Resource("part", load=source.load, policy=POLICY, tags=lambda key: (f"part:{key}",))
    with track_dependencies() as dependencies:
        with shown_in_passing():
            await asyncio.gather(part.get(1), asyncio.create_task(part.get(2)))
        await part.get(3)
    assert {"~part:1", "~part:2", "part:3"} <= dependencies.tags
    assert not {"part:1", "part:2", "~part:3"} & dependencies.tags
    assert {key.rpartition(":")[2] for key in dependencies.keys} == {"1", "2", "3"}


async def test_weakness_is_handed_on_through_wholes(alias):
    """A page that needs a list that shows a card in passing needs the card in passing only."""
    source = Source(1)
    card = Resource("inner_card", load=source.load, policy=POLICY, tags=lambda key: ("card",))

    async def load() -> int:
        with shown_in_passing():
            return await card.get(1)

    listing = Resource("outer_list", load=load, policy=POLICY, tags=lambda: ("list",))
    with track_dependencies() as strong:
        await listing.get()
    assert {"list", "~card"} <= strong.tags
    assert "card" not in strong.tags
    with track_dependencies() as weak, shown_in_passing():
        await listing.get()
    assert {"~list", "~card"} <= weak.tags
    assert not {"list", "~~card"} & weak.tags


async def test_read_both_ways_it_is_needed(alias):
    source = Source(1)
    part = Resource("both", load=source.load, policy=POLICY, tags=lambda key: ("both",))
    with track_dependencies() as dependencies:
        await part.get(1)
        with shown_in_passing():
            await part.get(1)
    assert {"both", "~both"} <= dependencies.tags


# --- verdicts ---------------------------------------------------------------------------------------------


def index_with(*records: tuple[Kind, str]) -> TagIndex:
    index = TagIndex()
    index.join("epoch", (0, 1), floor=(0, 0))
    index.apply([Record((0, 2 + number), kind, (tag,), "") for number, (kind, tag) in enumerate(records)])
    return index


HARD, SOFT = Kind.INVALIDATE, Kind.EXPIRE


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ([(HARD, "other")], Verdict.VALID),
        ([(HARD, "a")], Verdict.EXPIRED),
        ([(SOFT, "a")], Verdict.EXPIRED),
        ([(SOFT, "~a")], Verdict.EXPIRED),
        ([(HARD, "~a")], Verdict.INVALID),
        ([(HARD, "a"), (HARD, "~a")], Verdict.INVALID),
        ([(HARD, "~a"), (SOFT, "a")], Verdict.INVALID),
    ],
)
@pytest.mark.parametrize("is_folded", [False, True], ids=["recent", "folded"])
def test_verdict_of_a_weak_tag(records, verdict, is_folded):
    index = index_with(*records)
    if is_folded:
        tags = [f"filler:{number}" for number in range(RECENT_TAGS + FOLDED_AT_ONCE)]
        for kind in Kind:
            index.apply([Record((1, number), kind, (tag,), "") for number, tag in enumerate(tags)])
        assert not {"a", "~a"} & {tag for known in index.last.values() for tag in known}
    assert index.judge(Stamp("epoch", (0, 1)), ["~a"]) is verdict
    assert index.judge(Stamp("epoch", (2, 0)), ["~a"]) is Verdict.VALID, "made after the records"


def test_a_record_of_a_weak_tag_leaves_the_thing_itself():
    index = index_with((HARD, "~a"), (SOFT, "~a"))
    assert index.judge(Stamp("epoch", (0, 1)), ["a"]) is Verdict.VALID


@pytest.mark.parametrize("kind", list(Kind))
def test_a_pending_record_of_the_thing_makes_it_stale(kind):
    index = index_with()
    index.add_pending("mark", kind, ["a"])
    assert index.judge(Stamp("epoch", (0, 1)), ["~a"]) is Verdict.EXPIRED
    index.end_pending("mark")
    assert index.judge(Stamp("epoch", (0, 1)), ["~a"]) is Verdict.VALID


async def test_another_process_judges_by_the_same_record(redis_server, clock):
    """A second process, whose memory is empty, finds the stored page stale."""
    with use_cache(redis_cache(redis_server.url), clock) as alias:
        site = Site(Source("old"))
        await site.page.get()
        await invalidate(["post:1:card"])
        engine_of(alias).memory.clear()
        with track_dependencies() as dependencies:
            assert await site.page.get() == "beside old"
        assert dependencies.stale
