"""The control loop on a real Redis: it loads the difference, hottest first, and nothing else."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest
from django.core.cache import caches

from content import resources
from content.caching import NotThere, invalidate
from content.caching.backends.server import server_of
from content.caching.engines import engine_of
from content.caching.headers import read_headers
from content.caching.metrics.events import Event, subscribe
from content.models import Post, WarmRun
from content.warming import hot_round, pass_record, switch, targets
from content.warming import loop as loops
from content.warming.cold import compare
from content.warming.hot_set import find_target, name_of
from content.warming.load_control import LoadControl
from content.warming.loop import WarmLoop
from content.warming.memory_budget import OVERHEAD
from content.warming.pass_record import PassRecord
from content.warming.state import read_state
from content.warming.targets import Plan, Target, pages
from tests.support.wait import wait_until_async

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_on_redis")]

ORIGIN = "http://testserver"


@pytest.fixture
def loads():
    """The keys of entries and pages that are loaded, in their order."""
    keys: list[str] = []

    def note(event: Event) -> None:
        if event.what == "load" or (event.what == "store" and event.resource == "page"):
            keys.append(event.key)

    with subscribe(note):
        yield keys


class Readers:
    """Heat as the test sets it."""

    def __init__(self) -> None:
        self.heat: dict[str, float] = {}

    async def read_hottest(self, most: int) -> list[tuple[str, float]]:
        return Counter(self.heat).most_common(most)


@pytest.fixture
def readers() -> Readers:
    return Readers()


@pytest.fixture
async def loop(readers, fresh_redis) -> AsyncIterator[WarmLoop]:
    engine, server, control = engine_of("default"), server_of(fresh_redis, {}), LoadControl(rate=1e6)
    loop = WarmLoop(engine, server, read_hottest=readers.read_hottest, control=control)
    with loop.hot.following():
        yield loop


def page(path: str) -> Target:
    return Target(pages, (ORIGIN + path,))


async def warm_all(loop: WarmLoop) -> None:
    loop.hot.read_at = float("-inf")
    while await loop.hot.run():
        pass
    await loop.warm_site()


async def test_an_empty_cache_is_filled_and_then_nothing_is_loaded(loop, loads, readers):
    readers.heat = {name_of(page("/posts/post-3/")): 5.0, name_of(page("/")): 9.0}
    await warm_all(loop)
    async for chunk in loops.plan_site():
        for target in chunk:
            assert await target.resource.fresh_for(*target.parameters) > 0, str(target)
    assert loop.state().site_warm == loop.state().site
    loads.clear()
    await warm_all(loop)
    assert loads == []


async def test_an_edit_is_a_difference_of_the_entries_that_show_it(loop, loads, readers, blog):
    hot = [name_of(page("/posts/post-3/")), name_of(page("/posts/post-4/"))]
    readers.heat = dict.fromkeys(hot, 1.0)
    await warm_all(loop)
    loads.clear()
    await invalidate([f"post:{blog[3].pk}:page"])
    while await loop.hot.run():
        pass
    assert await pages.fresh_for(f"{ORIGIN}/posts/post-3/") > 0
    assert {key.partition("@")[0] for key in loads} <= {"post", "page"}
    assert resources.post.key(("post", "post-4")) not in loads


async def test_a_page_that_nobody_has_read_is_made_again_as_soon_as_an_edit_invalidates_it(loop, blog):
    await warm_all(loop)
    loop.hot.read_at = float("-inf")
    await loop.hot.run()
    await invalidate([f"post:{blog[3].pk}:page"])
    assert await pages.fresh_for(f"{ORIGIN}/posts/post-3/") == 0
    while await loop.hot.run():
        pass
    assert await pages.fresh_for(f"{ORIGIN}/posts/post-3/") > 0


async def test_an_edit_reads_the_headers_of_what_it_changed_alone(loop, readers, blog, monkeypatch):
    readers.heat = {name_of(page(f"/posts/post-{number}/")): 1.0 for number in range(1, 10)}
    await warm_all(loop)
    asked: list[str] = []

    async def read(tiers, keys):
        asked.extend(keys)
        return await read_headers(tiers, keys)

    monkeypatch.setattr(hot_round, "read_headers", read)
    loop.hot.read_at = time.monotonic()
    await invalidate([f"post:{blog[3].pk}:page"])
    while await loop.hot.run():
        pass
    assert set(asked) == {str(page("/posts/post-3/"))}


async def test_entries_are_loaded_in_batches(loop, loads, blog):
    queries = Counter[str]()
    load_many = resources.post.load_many

    async def count(keys):
        queries["post"] += 1
        return await load_many(keys)

    resources.post.load_many = count
    try:
        await warm_all(loop)
    finally:
        resources.post.load_many = load_many
    assert sum(key.startswith("post@") for key in loads) == len(blog)
    assert queries["post"] <= 2


async def test_the_hottest_is_loaded_first(loop, readers, monkeypatch):
    monkeypatch.setattr(hot_round, "COLD_AT_ONCE", 1)
    readers.heat = {name_of(page(f"/posts/post-{number}/")): float(number) for number in range(1, 4)}
    loop.hot.read_at = float("-inf")
    await loop.hot.run()
    assert [await pages.fresh_for(f"{ORIGIN}/posts/post-{number}/") > 0 for number in (1, 2, 3)] == [
        False,
        False,
        True,
    ]


async def test_the_budget_leaves_out_what_is_read_least(loop, readers, monkeypatch):
    """An entry's size is known once it is stored, so a bound is exact for loads one after the other."""
    monkeypatch.setattr(hot_round, "COLD_AT_ONCE", 1)
    readers.heat = {name_of(page("/")): 9.0, name_of(page("/posts/post-3/")): 1.0}
    await warm_all(loop)
    [front] = [each.size for each in (await read_headers(loop.engine.tiers, [str(page("/"))])).values()]
    caches["default"].clear()
    loop.budget.limit = front + 2 * OVERHEAD
    await warm_all(loop)
    assert await pages.fresh_for(f"{ORIGIN}/") > 0
    assert await pages.fresh_for(f"{ORIGIN}/posts/post-3/") == 0
    assert loop.state().left_out > 20


async def test_what_redis_evicted_is_loaded_again_only_when_it_is_read(loop, loads, readers, redis_server):
    await warm_all(loop)
    key = resources.post.key(("post", "post-11"))
    with redis_server.client() as client:
        evict_something(client)
        await caches["default"].adelete(key)
        loads.clear()
        await warm_all(loop)
        await warm_all(loop)
        assert key not in loads
        readers.heat = {"post:post,post-11": 1.0}
        await warm_all(loop)
        assert loads.count(key) == 1


def evict_something(client) -> None:
    """Fill Redis with entries of another program, until it evicts one of these."""
    client.config_set("maxmemory-policy", "volatile-ttl")
    try:
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 3_000_000)
        for number in range(8):
            client.set(f"other:{number}", b"x" * 1_000_000, ex=5)
        assert client.info("stats")["evicted_keys"] > 0
    finally:
        client.config_set("maxmemory", 0)
        client.config_set("maxmemory-policy", "noeviction")


async def test_a_flush_is_a_difference(loop, loads, readers, redis_server):
    await warm_all(loop)
    epoch = await loop._epoch()
    with redis_server.client() as client:
        client.flushall()

    async def is_joined_again() -> bool:
        return await loop._epoch() not in ("", epoch) and loop.engine.ordering.is_heard

    await wait_until_async(is_joined_again, "the log is joined again")
    loads.clear()
    await warm_all(loop)
    assert loop.state().site_warm == loop.state().site


async def test_a_pause_is_obeyed_and_ends(loop, loads, settings):
    settings.EDGE = False
    await switch.pause(60)
    running = asyncio.ensure_future(loop.run())
    try:
        await wait_until_async(lambda: loop.switch.is_paused, "the loop sees the pause")
        assert loads == []
        await switch.go_on()
        await wait_until_async(lambda: len(loads) > 20, "the loop goes on")
        await wait_until_async(read_state, "the loop reports")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_readers_refreshes_come_first(loop, monkeypatch):
    """While their queue is not empty, the site round waits."""
    waited = 0

    async def is_queue_empty() -> bool:
        nonlocal waited
        waited += 1
        return waited > 3

    monkeypatch.setattr(loop, "_is_queue_empty", is_queue_empty)
    loop.hot.is_warm.set()
    await loop._give_way()
    assert waited == 4


async def test_a_page_that_is_gone_is_not_made_again_each_round(loop, readers, monkeypatch):
    made = []

    async def refresh(pages: object, url: str) -> None:
        made.append(url)
        raise NotThere(url)

    monkeypatch.setattr(targets.Pages, "refresh", refresh)
    readers.heat = {name_of(page("/posts/never-was/")): 5.0}
    for _ in range(3):
        loop.hot.read_at = float("-inf")
        await loop.hot.run()
    assert len(made) == 1


async def test_one_that_fails_stops_no_other(loop, loads, settings, monkeypatch):
    settings.EDGE = False

    async def broken(keys: object) -> dict[int, int]:
        raise RuntimeError("no such table")

    monkeypatch.setattr(resources.comments, "load_many", broken)
    await warm_all(loop)
    assert resources.post.key(("post", "post-11")) in loads


async def test_one_that_fails_fails_no_other_of_its_batch_and_halves_the_limit(loop, monkeypatch):
    ids = [post.id async for post in Post.objects.order_by("pk")[:5]]
    load_many, comments = resources.comments.load_many, [Target(resources.comments, (id,)) for id in ids]

    async def break_one(keys: Sequence[int]) -> dict[int, object]:
        if ids[2] in keys:
            raise RuntimeError("a broken comment")
        return await load_many(keys)

    async def load(key: int) -> object:
        return (await break_one([key]))[key]

    monkeypatch.setattr(resources.comments, "load_many", break_one)
    monkeypatch.setattr(resources.comments, "load", load)
    should, before = {str(target): target for target in comments}, loop.control.limit
    await loop.loader.load((await compare(loop.engine, should, 60.0)).cold, 60.0)
    left = (await compare(loop.engine, should, 60.0)).cold
    assert [entry.target for entry in left] == [comments[2]]
    assert not loop.loader.is_due(left[0])
    assert loop.control.limit == before / 2


async def test_a_pass_that_had_much_to_do_is_a_row(loop, readers, monkeypatch):
    monkeypatch.setattr(pass_record, "MUCH", 10)
    readers.heat = {name_of(page(f"/posts/post-{number}/")): 1.0 for number in range(12)}
    while not loop.hot.is_warm.is_set():
        await loop.keep_hot_warm()
    await loop.warm_site()
    rows = {run.started_by: run async for run in WarmRun.objects.all()}
    assert set(rows) == {"hot set", "whole site"}
    for run in rows.values():
        assert (run.trigger, run.state, run.failed) == ("loop", "done", 0)
        assert 10 <= run.warmed <= run.planned == run.done
    await warm_all(loop)
    assert await WarmRun.objects.acount() == 2


async def test_the_row_of_a_pass_whose_process_died_does_not_stay_at_work(loop, monkeypatch):
    monkeypatch.setattr(pass_record, "MUCH", 1)
    interrupted, following = PassRecord("hot set"), PassRecord("hot set")
    await interrupted.add(5, planned=10, cold=5)
    await following.add(5, planned=10, cold=5)
    await following.end(planned=10, failed=0)
    states = [run.state async for run in WarmRun.objects.order_by("pk")]
    assert states == ["stopped", "done"]


async def test_the_site_is_compared_in_chunks(loop, readers):
    """The loop keeps nothing of a chunk but numbers, however large the site is."""
    sizes = []

    async def everything() -> AsyncIterator[Plan]:
        for first in range(0, 5000, 500):
            sizes.append(first)
            yield [Target(resources.redirect, (f"/old-{number}/",)) for number in range(first, first + 500)]

    loop.everything = everything
    await warm_all(loop)
    assert loop.state().site == 5000
    assert len(sizes) == 10


@pytest.mark.parametrize("name", ["page:http://testserver/posts/post-3/", "post:post,post-3", "site:"])
def test_names_of_what_was_read_are_targets(name):
    target = find_target(name)
    assert target is not None
    assert name_of(target) == name


@pytest.mark.parametrize(
    "name", ["", "page:http://elsewhere.invalid/", "post:1", "fragment:x", "nobody:1", "listing:all,0,1,#10", "\x00"]
)
def test_other_names_are_no_targets(name):
    assert find_target(name) is None
