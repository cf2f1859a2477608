"""Pages on an engine's tiers: shared by processes, ended by tags, and explained."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest

from content.caching import Policy, Resource, expire, invalidate
from content.caching.dependencies import shown_in_passing
from content.caching.edge import Request
from content.caching.edge.asgi import Client
from content.caching.edge.explain import explain_url
from content.caching.edge.origin_fetch import OriginFetch
from content.caching.edge.page import url_key
from content.caching.engines import engine_of
from content.caching.metrics.events import Event, subscribe
from content.caching.testing import always_throw, chaos
from tests.support.caches import on_every_cache, with_a_log
from tests.support.edge import Origin, Site, pairs_of, settle, wait_for_tasks
from tests.support.wait import wait_until_async

CONTROL = {"cache-control": "max-age=60, stale-while-revalidate=30"}


class Reading:
    """An application that reads a resource, and says what it got."""

    def __init__(self) -> None:
        self.value = 0
        self.count = 0
        self.fails = False
        self.gate: asyncio.Event | None = None
        policy = Policy(ttl=timedelta(minutes=5), stale_ttl=timedelta(minutes=5), jitter=0)
        self.number = Resource("number", load=self.load, policy=policy, tags=lambda: ("number",))

    async def load(self) -> int:
        if self.fails:
            raise RuntimeError("broken")
        return self.value

    async def __call__(self, scope, receive, send) -> None:
        self.count += 1
        body = str(await self.number.get()).encode()
        if self.gate is not None:
            await self.gate.wait()
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


def late_fetch(site: Site) -> OriginFetch:
    """The fetch of a reader that found no stored page, before it gets the lease."""
    client = Client(site.nothing_more(), None)
    return OriginFetch(
        site.edge.origin, Request(site.scope("/", None)), "uri-miss", old=None, client=client, shared=True
    )


def fall_silent(site: Site) -> None:
    """The log never answers again."""
    tag_index = site.edge.engine.ordering.tag_index
    tag_index.heard_until, tag_index.mark_heard = float("-inf"), lambda asked_at: None


async def wait_for_calls(site: Site, count: int) -> None:
    # No pause: readers that begin later shall find the load still running.
    while site.origin.count < count:
        await asyncio.sleep(0)


async def ask_and_store(site: Site, times: int) -> None:
    for _ in range(times):
        await site.ask()
        await wait_for_tasks(site)


@on_every_cache
async def test_a_page_that_one_process_has_made_is_a_hit_in_all(site):
    await site.ask()
    await wait_for_tasks(site)
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
    await wait_for_tasks(site)
    site.origin.value = 1
    await expire(["number"])
    answer = await site.ask()
    assert (answer.body, answer.is_hit) == (b"0", True)
    assert "ttl=-1; " in answer["cache-status"]
    assert 'detail="expired"' in answer["cache-status"]
    for _ in range(100):
        await wait_for_tasks(site)
        site.forward(0.1)
        if (await site.ask()).body == b"1":
            return
    pytest.fail("it was never made again")


@with_a_log
@pytest.mark.parametrize("cutoff", [False, True], ids=["by time alone", "derived"])
async def test_what_is_shown_in_passing_and_ends_by_time_makes_the_page_stale_and_no_miss(site, cutoff):
    """The change of a derived value has a tag; the end of another value has none."""
    policy = Policy(ttl=20, stale_ttl=60, jitter=0, early=0, ahead=0)
    number = Resource("beside", load=site.origin.load, policy=policy, cutoff=cutoff)

    async def show_in_passing(scope, receive, send) -> None:
        with shown_in_passing():
            await number.get()
        await Origin(CONTROL)(scope, receive, send)

    site.edge.origin.app = show_in_passing
    for _ in range(3):
        # The first value of a derived resource counts as a change.
        await ask_and_store(site, 1)
        site.forward(1)
    site.forward(16)
    assert "ttl=-" not in (await site.ask())["cache-status"]
    site.forward(2)
    answer = await site.ask()
    assert answer.is_hit
    assert ("ttl=-" in answer["cache-status"]) != cutoff


async def test_i1_what_was_made_of_a_stale_part_is_not_called_fresh(site):
    await site.origin.number.get()
    await expire(["number"])
    answer = await site.ask()
    assert not answer.is_hit
    assert "stored" not in answer["cache-status"]
    assert "ttl=-1; " in answer["cache-status"]


async def test_i1_what_stands_in_for_an_error_is_not_called_fresh(alias, clock):
    headers = {"cache-control": "max-age=60, stale-if-error=600", "cache-tag": "number"}
    site = Site(Origin(headers), cache=alias)
    site.edge.engine.clock = clock
    await site.ask()
    await wait_for_tasks(site)
    await expire(["number"])
    site.origin.status = 503
    answer = await site.ask()
    assert (answer.status, answer.body) == (200, b"hello")
    assert "ttl=-1; " in answer["cache-status"]


async def test_i1_a_waiting_reader_does_not_get_what_has_expired_meanwhile(site):
    """1. We find nothing stored. 2. Another process makes the page, and stores it. 3. It is expired. 4. We get the
    lease, and look again."""
    await site.ask()
    await wait_for_tasks(site)
    await expire(["number"])
    late = late_fetch(site)
    await site.edge.in_flight.start(late)
    assert site.origin.count == 2


@with_a_log
@pytest.mark.parametrize("step", ["lease", "release"])
async def test_rule_16_nor_what_was_invalidated_while_that_page_was_looked_for(site, step):
    """Another process has stored the page. It is invalidated while the lease is answered for, or released."""
    await site.ask()
    await wait_for_tasks(site)
    another(site)
    shared = site.edge.engine.shared
    held, answer, ask = asyncio.Event(), asyncio.Event(), getattr(shared, step)

    async def answer_late(*args):
        answered = await ask(*args)
        held.set()
        await answer.wait()
        return answered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, step, answer_late)
        site.edge.in_flight.start(late_fetch(site))
        await held.wait()
        await settle()
        another(site)
        site.origin.value = 1
        await invalidate(["number"])
        late = asyncio.ensure_future(site.ask())
        await settle()
        answer.set()
        assert (await late).body == b"1"


@with_a_log
async def test_i1_while_the_log_is_silent_what_another_reader_asked_for_is_not_called_fresh(site):
    site.origin.gate = asyncio.Event()
    fall_silent(site)
    readers = [asyncio.ensure_future(site.ask()) for _ in range(2)]
    await wait_for_calls(site, 1)
    await settle()
    site.origin.gate.set()
    collapsed = [answer for answer in await asyncio.gather(*readers) if "collapsed" in answer.cache_status]
    assert ["ttl=-1; " in answer["cache-status"] for answer in collapsed] == [True]


async def test_a_page_whose_part_stays_stale_is_not_made_for_each_reader(site):
    await site.ask()
    await wait_for_tasks(site)
    site.origin.fails = True
    await expire(["number"])
    await ask_and_store(site, 10)
    assert site.origin.count == 2
    site.forward(0.1)
    await ask_and_store(site, 10)
    assert site.origin.count == 3


@with_a_log
async def test_i1_nor_is_what_another_process_has_stored(site):
    await site.ask()
    await wait_for_tasks(site)
    fall_silent(site)
    late = late_fetch(site)
    await site.edge.in_flight.start(late)
    assert late.outcome.result().stale


def hear_nothing_of_it(site: Site, page) -> None:
    """As a process whose memory has that page yet, while another one has made it anew."""
    key = Request(site.scope("/", None)).key
    site.edge.engine.memory.put(key, page, 100)


async def two_made(site: Site):
    """The first of them; the second is the newer by a minute."""
    await ask_and_store(site, 1)
    first = site.edge.engine.memory.get(Request(site.scope("/", None)).key)
    site.forward(61)
    await ask_and_store(site, 1)
    assert site.origin.count == 2
    return first


@with_a_log
@pytest.mark.parametrize("later", [0, 59], ids=["at once", "at the end of its time"])
async def test_i6_what_another_process_has_made_anew_is_not_made_again(site, later):
    hear_nothing_of_it(site, await two_made(site))
    site.forward(later)
    await ask_and_store(site, 1)
    assert site.origin.count == 2
    answer = await site.ask()
    assert answer.is_hit
    assert answer["age"] == str(later)


@with_a_log
async def test_i6_unless_a_newer_one_is_asked_for(site):
    hear_nothing_of_it(site, await two_made(site))
    site.forward(20)
    await site.ask(headers={"cache-control": "max-age=10"})
    assert site.origin.count == 3


@with_a_log
async def test_i1_nor_is_a_newer_one_that_is_stale_taken_for_the_newest(site):
    hear_nothing_of_it(site, await two_made(site))
    site.forward(61)
    await ask_and_store(site, 1)
    assert site.origin.count == 3


@with_a_log
async def test_while_the_log_is_silent_a_page_is_not_made_for_each_reader(alias, clock):
    site = Site(Origin(CONTROL), cache=alias)
    site.edge.engine.clock = clock
    await site.ask()
    await wait_for_tasks(site)
    fall_silent(site)
    await ask_and_store(site, 10)
    assert site.origin.count == 2
    clock.forward(1.1)
    await ask_and_store(site, 10)
    assert site.origin.count == 3


async def test_i2_a_write_elsewhere_does_not_make_each_reader_run_the_application(site):
    site.origin.gate = asyncio.Event()
    readers, joined = [asyncio.ensure_future(site.ask())], list[Event]()
    await wait_for_calls(site, 1)
    await invalidate(["something else"])
    with subscribe(lambda event: joined.append(event) if event.what == "joined" else None):
        readers += [asyncio.ensure_future(site.ask()) for _ in range(20)]
        await settle()
        if not site.edge.engine.ordering.is_local:
            # Memcached is asked in threads. With a log they wait for the lease, and find the page.
            await wait_until_async(lambda: len(joined) == 20, "all have joined")
    site.origin.gate.set()
    assert {answer.body for answer in await asyncio.gather(*readers)} == {b"0"}
    assert site.origin.count == 1


async def test_i12_a_lease_does_not_outlive_a_page_that_the_tier_did_not_take(site):
    """The tier goes away while the page is made. When it is back, others shall not wait for nobody."""
    shared = site.edge.engine.shared
    site.origin.gate = asyncio.Event()
    reader = asyncio.ensure_future(site.ask())
    await wait_for_calls(site, 1)
    with chaos(always_throw()):
        site.origin.gate.set()
        await reader
        await wait_for_tasks(site)
    await asyncio.gather(*shared.tasks)
    assert await shared.holder(Request(site.scope("/", None)).key) is None


@pytest.mark.parametrize("tag", ["resource:page", "resource:number", "path:/a?b=1", "page@1:http://site/a?b=1"])
async def test_a_page_is_purged_by_what_names_it(site, tag):
    await site.ask("/a?b=1")
    await invalidate([tag])
    assert not (await site.ask("/a?b=1")).is_hit


async def test_i2_the_process_that_gets_the_lease_looks_once_more(site):
    """Between a look and the lease another process may have made the page, stored it and let go."""
    await site.ask()
    await wait_for_tasks(site)
    late = late_fetch(site)
    await site.edge.in_flight.start(late)
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
    await wait_for_tasks(site)
    another(site)
    engine = site.edge.engine
    key = url_key("http://site/")
    await engine.shared.store(key, b"\x02\x00\x00\x00\x01garbage", 60, None)
    assert (await site.ask()).status == 200


async def test_it_is_explained(site, alias):
    assert (await explain_url(engine_of(alias), "http://site/"))["why"] == "nothing is stored under this key"
    await site.ask()
    await wait_for_tasks(site)
    report = await explain_url(engine_of(alias), "http://site/")
    assert (report["kind"], report["why"], report["status"]) == ("page", "served, it is fresh", 200)
    assert [part["key"] for part in report["made_of"]] == [Reading().number.key(())]
    assert "number" in report["entry"]["tags"]
    site.forward(70)
    assert (await explain_url(engine_of(alias), "http://site/"))["why"] == "served as stale, its time is up"
    await invalidate(["number"])
    report = await explain_url(engine_of(alias), "http://site/")
    assert report["why"].startswith("not served, it was invalidated")
    if site.edge.engine.ordering.is_local:
        assert report["ended_by"][0]["tag"] == "number"


def ttl_of(response: Any) -> int:
    return int(re.search(r"ttl=(-?\d+)", response["cache-status"])[1])


class Passing(Reading):
    """An application that shows the resource in passing."""

    async def __call__(self, scope, receive, send) -> None:
        with shown_in_passing():
            await super().__call__(scope, receive, send)


@pytest.fixture
def passing(alias, clock) -> Site:
    site = Site(Passing(), cache=alias)
    site.edge.engine.clock = clock
    site.forward = clock.forward
    return site


@with_a_log
async def test_made_with_something_stale_in_passing_a_page_is_stored_and_stale(passing):
    """Readers get it without waiting for the part, and it is made again."""
    await passing.ask()
    await wait_for_tasks(passing)
    passing.origin.value = 1
    passing.origin.fails = True
    await expire(["number"])
    calls = passing.origin.count
    for _ in range(5):
        response = await passing.ask()
        await wait_for_tasks(passing)
        assert (response.status, response.body) == (200, b"0")
        assert "; hit; ttl=" in response["cache-status"]
        assert ttl_of(response) <= 0
    assert passing.origin.count - calls <= 2, "a backoff between two attempts"
    passing.origin.fails = False
    for _ in range(20):
        passing.forward(1)
        last = await passing.ask()
        await wait_for_tasks(passing)
    assert last.body == b"1"
    assert ttl_of(last) > 0


@with_a_log
async def test_a_change_of_what_it_shows_in_passing_is_explained(passing, alias):
    site = passing
    await site.ask()
    await wait_for_tasks(site)
    await invalidate(["number"])
    report = await explain_url(engine_of(alias), "http://site/")
    assert report["why"].startswith("served as stale, what it shows in passing changed: number by record ")
    assert "number" in report["entry"]["in_passing"]
    assert "number" not in report["entry"]["tags"]


async def test_what_was_not_kept_is_explained(alias, clock):
    site = Site(Origin(headers={"cache-control": "private"}), cache=alias)
    site.edge.engine.clock = clock
    await site.ask()
    await wait_for_tasks(site)
    assert (await explain_url(engine_of(alias), "http://site/"))["why"] == "not kept: private"
