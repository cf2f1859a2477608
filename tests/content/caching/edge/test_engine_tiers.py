"""Pages on an engine's tiers: shared by processes, ended by tags, and explained."""

from datetime import timedelta

import pytest

from content.caching import Policy, Resource, expire, invalidate
from content.caching.edge import Request
from content.caching.edge.client import Client
from content.caching.edge.explaining import explained_url
from content.caching.edge.fetch import Fetch
from content.caching.registry import engine_of
from tests.support.edge import Origin, Site, pairs_of, stored

CONTROL = {"cache-control": "max-age=60, stale-while-revalidate=30"}


class Reading:
    """An application that reads a resource, and says what it got."""

    def __init__(self) -> None:
        self.value = 0
        self.count = 0
        policy = Policy(ttl=timedelta(minutes=5), stale_ttl=timedelta(minutes=5), jitter=0)
        self.number = Resource("number", load=self.load, policy=policy, tags=lambda: ("number",))

    async def load(self) -> int:
        return self.value

    async def __call__(self, scope, receive, send) -> None:
        self.count += 1
        body = str(await self.number.get()).encode()
        headers = pairs_of(CONTROL | {"content-length": str(len(body))})
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def site(alias, clock) -> Site:
    site = Site(Reading(), cache=alias)
    site.edge.engine.clock = clock
    site.forward = clock.forward
    return site


def another(site: Site) -> None:
    """A process that has just begun: its memory is empty."""
    if site.edge.engine.memory is not None:
        site.edge.engine.memory.clear()


async def test_a_page_that_one_process_has_made_is_a_hit_in_all(site):
    await site.ask()
    await stored(site)
    another(site)
    answer = await site.ask()
    assert answer.is_hit
    assert site.origin.count == 1


async def test_i1_what_was_read_for_a_page_ends_it(site):
    assert (await site.ask()).body == b"0"
    site.origin.value = 1
    await invalidate(["number"])
    assert (await site.ask()).body == b"1"
    another(site)
    assert (await site.ask()).body == b"1"


async def test_i1_expired_it_is_served_while_it_is_made_again(site):
    await site.ask()
    await stored(site)
    site.origin.value = 1
    await expire(["number"])
    answer = await site.ask()
    assert (answer.body, answer.is_hit) == (b"0", True)
    assert "ttl=-1; " in answer["cache-status"]
    assert 'detail="expired"' in answer["cache-status"]
    for _ in range(100):
        await stored(site)
        if (await site.ask()).body == b"1":
            return
    pytest.fail("it was never made again")


@pytest.mark.parametrize("tag", ["resource:page", "resource:number", "path:/a?b=1", "page@1:http://site/a?b=1"])
async def test_a_page_is_purged_by_what_names_it(site, tag):
    await site.ask("/a?b=1")
    await invalidate([tag])
    assert not (await site.ask("/a?b=1")).is_hit


async def test_i2_whoever_gets_the_lease_looks_once_more(site):
    """Between a look and the lease another process may have made the page, stored it and let go."""
    await site.ask()
    await stored(site)
    client = Client(site.nothing_more(), None)
    late = Fetch(site.edge, Request(site.scope("/", None)), "uri-miss", old=None, client=client, shared=True)
    await site.edge.fly(late)
    assert late.outcome.result().page.body == b"0"
    assert site.origin.count == 1


async def test_i3_a_page_is_fresh_for_no_longer_than_its_parts(site):
    await site.origin.number.get()
    site.forward(290)
    await site.ask()
    site.forward(11)
    site.origin.value = 1
    assert (await site.ask())["cache-status"].partition("ttl=")[2].startswith("-")


async def test_i9_bytes_that_are_no_page_are_a_miss(site):
    await site.ask()
    await stored(site)
    another(site)
    engine = site.edge.engine
    key = "page@1:http://site/"
    await engine.shared.store(key, b"\x02\x00\x00\x00\x01garbage", 60, None)
    assert (await site.ask()).status == 200


async def test_it_is_explained(site, alias):
    assert (await explained_url(engine_of(alias), "http://site/"))["why"] == "nothing is stored under this key"
    await site.ask()
    await stored(site)
    told = await explained_url(engine_of(alias), "http://site/")
    assert (told["kind"], told["why"], told["status"]) == ("page", "served, it is fresh", 200)
    assert [part["key"] for part in told["made_of"]] == ["number@1:"]
    assert "number" in told["entry"]["tags"]
    site.forward(70)
    assert (await explained_url(engine_of(alias), "http://site/"))["why"] == "served as stale, its time is up"
    await invalidate(["number"])
    told = await explained_url(engine_of(alias), "http://site/")
    assert told["why"].startswith("not served, it was invalidated")
    if site.edge.engine.ordering.is_local:
        assert told["ended_by"][0]["tag"] == "number"


async def test_what_was_not_kept_is_explained(alias, clock):
    site = Site(Origin(headers={"cache-control": "private"}), cache=alias)
    site.edge.engine.clock = clock
    await site.ask()
    await stored(site)
    assert (await explained_url(engine_of(alias), "http://site/"))["why"] == "not kept: private"
