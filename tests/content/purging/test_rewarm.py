"""A soft purge of a group: readers get the old pages, and the loop makes them again, hottest first, at its rate."""

import asyncio

import pytest

from content.caching.edge.page import url_key
from content.caching.engines import engine_of
from content.caching.entry import Verdict
from content.caching.testing import Clock
from content.purging import Selection, Trigger, run_purge
from content.warming import hot_round, targets
from content.warming.hot_set import name_of
from content.warming.load_control import LoadControl
from content.warming.loop import WarmLoop
from content.warming.targets import Target, edge, pages
from tests.support.wait import wait_until_async
from tests.support.warming.everything import warm_everything

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_on_redis")]

ORIGIN = "http://testserver"
RATE = 10.0


async def test_what_is_hottest_of_a_group_is_made_first_at_the_rate_of_the_budget(blog, monkeypatch):
    monkeypatch.setattr(hot_round, "COLD_AT_ONCE", 1)
    await warm_everything()
    news = [post for post in blog if post.category_id == blog[0].category_id]
    heat = {url_of(post): float(place) for place, post in enumerate([*news, blog[1]], 1)}
    clock, made = Clock(), list[str]()

    async def read_hottest(most: int) -> list[tuple[str, float]]:
        return [(name_of(Target(pages, (url,))), heat[url]) for url in heat]

    async def sleep(seconds: float) -> None:
        clock.forward(seconds)
        await asyncio.sleep(0)

    refresh = targets.Pages.refresh

    async def note_and_refresh(pages: targets.Pages, url: str) -> None:
        made.append(url)
        await refresh(pages, url)

    async def all_are_fresh() -> bool:
        await loop.hot.run()
        return all([await pages.fresh_for(url) > 0 for url in heat])

    monkeypatch.setattr(targets.Pages, "refresh", note_and_refresh)
    loop = WarmLoop(
        engine_of("default"), read_hottest=read_hottest, control=LoadControl(rate=RATE, clock=clock, sleep=sleep)
    )
    # All cost the same to make, so that heat alone decides.
    monkeypatch.setattr(hot_round, "find_cold", with_equal_costs(hot_round.find_cold))
    with loop.hot.following():
        await loop.hot.run()
        began = clock()
        await run_purge(Selection(groups=("category:news",)), soft=True, trigger=Trigger.TASK)
        for url in heat:
            stored = await edge().page_store.lookup(url_key(url))
            assert stored is not None, "a reader gets the old page"
            assert stored.verdict in (Verdict.EXPIRED, Verdict.VALID)
        await wait_until_async(all_are_fresh, "the group is fresh again")
    in_group = [url for url in dict.fromkeys(made) if url != url_of(blog[1])]
    assert in_group == sorted(map(url_of, news), key=lambda url: -heat[url])
    assert clock() - began >= (len(news) - 1) / RATE


def url_of(post) -> str:
    return f"{ORIGIN}/posts/{post.slug}/"


def with_equal_costs(find_cold):
    def find(*arguments):
        cold = [entry._replace(cost=1.0) for entry in find_cold(*arguments)]
        return sorted(cold, key=lambda entry: -entry.weight)

    return find
