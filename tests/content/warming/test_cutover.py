"""Two releases on one Redis: how warm each is, who warms the next, their one budget, when a process is ready."""

import asyncio
import json
import time
from contextlib import suppress
from io import StringIO

import msgspec
import pytest
from asgiref.sync import async_to_sync
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.test import override_settings

from content import resources
from content.caching import invalidate
from content.caching.backends.server import server_of
from content.caching.engines import engine_of
from content.caching.metrics.process import Process
from content.caching.metrics.reports import reporting
from content.caching.release import digest_of
from content.caching.release_registry import announce_release, own_kinds, registries
from content.warming import keeper, releases, warm_chosen
from content.warming.coverage import Share
from content.warming.cutover import is_covered, look, prepare, wait_until_warm
from content.warming.hot_set import name_of
from content.warming.load_control import LoadControl
from content.warming.loop import WarmLoop
from content.warming.loop_register import LIVES, MOST_LOOPS, LoopRegister
from content.warming.memory_budget import MemoryBudget
from content.warming.release_coverage import judge_release
from content.warming.releases import read_releases
from content.warming.state import WarmState, store_state
from content.warming.targets import Target, pages
from tests.support.caches import LOCMEM, SESSIONS, redis_cache, use_cache

pytestmark = pytest.mark.django_db(transaction=True)

ORIGIN = "http://testserver"
PATHS = [f"/posts/post-{number}/" for number in range(10)]
WITHOUT_REDIS = {"default": LOCMEM, "sessions": SESSIONS}
HOT = [(name_of(Target(pages, (ORIGIN + path,))), 1.0) for path in PATHS]


@pytest.fixture(autouse=True)
def site(settings, fresh_redis, blog, monkeypatch):
    # A busy machine gives this process the time to report what it reads itself.
    monkeypatch.setattr(releases, "read_hottest", read_hottest)
    settings.WARM_ORIGINS = [ORIGIN]
    settings.EDGE = True
    settings.CACHE_RELEASE = "n"
    with use_cache(redis_cache(fresh_redis), time.time):
        yield fresh_redis
        reporting.end()


async def read_hottest(most: int) -> list[tuple[str, float]]:
    return HOT[:most]


async def coverage_of(release: str) -> Share:
    covered = await judge_release(engine_of("default"), HOT, digest_of(release), own_kinds())
    return covered["100"]


# --- coverage --------------------------------------------------------------------------------------------


async def test_each_release_is_judged_by_its_own_pages(settings, blog):
    assert await coverage_of("n") == (0, 10)
    await warm_chosen(["page"])
    assert await coverage_of("n") == (10, 10)
    settings.CACHE_RELEASE = "n+1"
    assert (await coverage_of("n"), await coverage_of("n+1")) == ((10, 10), (0, 10))
    await invalidate([f"post:{blog[3].pk}:page"])
    assert await coverage_of("n") == (9, 10)


async def test_documents_of_one_schema_are_those_of_both_releases(blog):
    names = [(f"post_card:{number}", 1.0) for number in range(3)] + [
        ("alien:1", 1.0),
        ("page:http://elsewhere/", 1.0),
    ]
    covered = await judge_release(engine_of("default"), names, "abcdefgh", own_kinds())
    assert covered["100"].entries == 3, "unknown resources and hosts are left out"
    await resources.post_card.get(blog[0].pk)
    names = [(f"post_card:{blog[0].pk}", 1.0)]
    assert (await judge_release(engine_of("default"), names, "abcdefgh", own_kinds()))["100"] == (1, 1)


async def test_entries_that_read_as_garbage_are_cold():
    key = f"page@1.{digest_of('n')}:{ORIGIN}{PATHS[0]}"
    await caches["default"].aset(key, "no entry")
    assert (await coverage_of("n")).fresh == 0


# --- the releases ----------------------------------------------------------------------------------------


async def test_all_releases_are_shown_this_one_first(settings, site):
    await warm_chosen(["page"])
    announce_release()
    settings.CACHE_RELEASE = "n+1"
    registry = registries[caches["default"].key_prefix]
    with registry.server.sync_client() as client:
        client.hset(registry.key, b"\xff", b"garbage")
        client.hset(registry.key, "escape", client.hget(registry.key, digest_of("n")))
    add_process(digest_of("n"))
    new, old = await read_releases()
    assert (new.name, new.is_own, new.seconds) == ("n+1", True, None)
    assert (old.name, old.is_own, old.servers) == ("n", False, 1)
    assert old.coverage["hot"].fresh > new.coverage["hot"].fresh
    shown = await asyncio.to_thread(run, "cutover")
    assert "n+1 (this one)" in shown
    first, second = json.loads(await asyncio.to_thread(run, "cutover", "--json"))
    assert (first["release"], second["release"]) == ("n+1", "n")
    assert second["coverage"]["100"]["fresh"] > 0


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def add_process(release: str, *, has_readers: bool = True) -> None:
    engine_of("default")
    reporter, process = reporting.reporter, Process(time.time(), "web-9", 1, 0, 0, True, has_readers, release)
    reporter.connect().hset(reporter.processes, f"web-9:{release}", msgspec.json.encode(process))


def forget_processes() -> None:
    reporting.reporter.connect().delete(reporting.reporter.processes)


@override_settings(CACHES=WITHOUT_REDIS)
def test_without_redis_it_says_what_to_set():
    with pytest.raises(CommandError, match="Set REDIS_URL"):
        call_command("cutover")


@pytest.mark.parametrize(
    "words", [("--coverage", "0"), ("--coverage", "101"), ("--within", "-1"), ("--within", "nan")]
)
def test_numbers_out_of_bounds_are_refused(words):
    with pytest.raises(CommandError, match=words[0]) as raised:
        call_command("cutover", "--prepare", *words)
    assert raised.value.returncode == 2


def test_the_loop_of_a_release_is_in_its_json():
    async_to_sync(store_state)(WarmState("web-1", 7, time.time(), 1, 1, 1, 1, 0, 0, None, None, 1.0, None))
    [release] = json.loads(run("cutover", "--json"))
    assert (release["loop"]["host"], release["loop"]["pid"]) == ("web-1", 7)


# --- preparing -------------------------------------------------------------------------------------------


async def test_without_a_worker_the_command_warms_its_release(settings, monkeypatch):
    await warm_chosen(["page"])
    settings.CACHE_RELEASE = "n+1"
    quick = LoadControl(rate=1e6)
    monkeypatch.setattr(keeper, "LoadControl", lambda **options: quick)
    seen: list[Share | None] = []
    coverage = await prepare(1.0, 60.0, seen.append)
    assert is_covered(coverage, 1.0)
    assert not is_covered(seen[0], 1.0)
    assert (await coverage_of("n+1")).ratio == (await coverage_of("n")).ratio == 1.0


async def test_where_a_worker_owns_the_loop_the_command_only_waits():
    """The loop has one owner: a second would load each entry a second time."""
    began: list[str] = []
    owner, other = keeper.new_ownership(), keeper.new_ownership()
    owns = asyncio.Event()

    async def work() -> None:
        began.append("worker")
        owns.set()
        await asyncio.Event().wait()

    async def work_too() -> None:
        began.append("command")

    worker = asyncio.ensure_future(owner.run(work))
    await owns.wait()
    await prepare(1.0, 0.0, lambda coverage: None, work=lambda: other.run(work_too))
    assert not await other.try_once(work_too)
    worker.cancel()
    with suppress(asyncio.CancelledError):
        await worker
    assert began == ["worker"]


async def test_it_ends_when_the_time_is_up():
    async def nothing() -> None:
        await asyncio.Event().wait()

    coverage = await prepare(1.0, 0.0, lambda coverage: None, work=nothing)
    assert not is_covered(coverage, 1.0)


def test_the_exit_status_says_whether_it_is_warm(monkeypatch):
    async def nothing() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("os.nice", lambda by: 0)
    monkeypatch.setattr("content.warming.cutover.prepare.__kwdefaults__", {"look": look, "work": nothing})
    with pytest.raises(CommandError, match="Less than 95 % of the 1,000 hottest") as raised:
        run("cutover", "--prepare", "--within", "0")
    assert raised.value.returncode == 1
    async_to_sync(warm_chosen)()
    assert "n (this one)" in run("cutover", "--prepare", "--within", "0")


# --- one budget ------------------------------------------------------------------------------------------


def register_of(url: str, release: str) -> LoopRegister:
    return LoopRegister(server_of(url, {}), "shared", release)


async def test_loops_that_live_share_the_budget(site, redis_server):
    old, new = register_of(site, "n"), register_of(site, "n+1")
    assert [await old.report(), await new.report(), await old.report()] == [1, 2, 2]
    with redis_server.client() as client:
        client.zadd(old.key, {"n+1": time.time() - LIVES - 1, "ahead": time.time() + 9e9})
        assert await old.report() == 1
        client.delete(old.key)
        client.set(old.key, "of another program")
        assert await old.report() == 1
        client.zadd(old.key, {str(number): time.time() for number in range(1000)})
        assert await old.report() == MOST_LOOPS


async def test_a_loop_takes_its_part_of_loads_rate_pages_and_memory(site):
    budget, control = MemoryBudget(1000), LoadControl(most=8, rate=500)
    loop = WarmLoop(engine_of("default"), control=control, budget=budget, register=register_of(site, "n"))
    control.limit = 8
    await register_of(site, "n+1").report()
    await loop.keep_informed()
    assert (control.most, control.rate, control.limit, budget.bytes) == (4, 250, 4, 500)
    assert loop.loader.page_slots._value == 1
    loop.share(1)
    assert (control.most, control.rate, budget.bytes, loop.loader.page_slots._value) == (8, 500, 1000, 2)


# --- a new process ---------------------------------------------------------------------------------------


async def wait(wanted: float = 0.95, seconds: float = 60.0, grace: float = 60.0, coverages=((0, 10),)) -> str:
    left = list(coverages)

    async def look() -> Share:
        return Share(*(left.pop(0) if len(left) > 1 else left[0]))

    return await wait_until_warm(wanted, seconds, look=look, grace=grace)


async def test_a_process_waits_while_another_release_serves_until_its_own_is_warm():
    add_process(digest_of("n-1"))
    assert "fresh" in await wait(coverages=[(0, 10), (9, 10), (10, 10)])
    assert "0 s have passed" in await wait(seconds=0.0)


async def test_a_process_without_another_release_serves_at_once():
    add_process(digest_of("n"))
    add_process(digest_of("n-1"), has_readers=False)
    assert await wait() == "no other release serves readers"
    add_process(digest_of("n-1"))
    assert await wait(0.0) == "no coverage is asked for"


async def test_a_process_whose_release_has_no_loop_serves_after_a_moment():
    add_process(digest_of("n-1"))
    assert await wait(grace=0.0) == "no worker of this release keeps it warm"
    state = WarmState("web-1", 1, time.time(), 1, 1, 1, 1, 0, 0, None, None, 1.0, None)
    await store_state(state)
    assert "0 s have passed" in await wait(grace=0.0, seconds=0.0)


async def test_a_process_goes_on_when_the_other_release_has_ended():
    add_process(digest_of("n-1"))

    async def look() -> Share:
        forget_processes()
        return Share(0, 10)

    assert await wait_until_warm(0.95, 60.0, look=look) == "no other release serves readers"


@override_settings(CACHES=WITHOUT_REDIS)
async def test_a_process_without_redis_serves_at_once():
    assert await wait() == "no other release serves readers"


def test_nothing_hot_is_not_covered():
    assert not is_covered(Share(0, 0), 0.5)
    assert not is_covered(None, 0.5)
    assert is_covered(Share(19, 20), 0.95)


async def test_a_process_that_ends_is_counted_no_longer():
    engine_of("default")
    reporter = reporting.reporter
    await asyncio.to_thread(reporter.flush)
    with reporter.server.sync_client() as client:
        assert client.hexists(reporter.processes, reporter.name)
        await asyncio.to_thread(reporting.end)
        assert not client.hexists(reporter.processes, reporter.name)


async def test_while_nothing_is_hot_the_whole_site_counts_once_a_round_has_ended(monkeypatch):
    """A site that nobody has read yet is covered when it is warm, and not while the first round goes on."""

    async def nothing(most: int) -> list[tuple[str, float]]:
        return []

    monkeypatch.setattr(releases, "read_hottest", nothing)
    state = WarmState("", 1, time.time(), 0, 0, 100, 95, 0, 0, None, None, 1.0, None)
    for change, covered in (
        ({}, False),
        ({"pass_seconds": 1.0}, True),
        ({"pass_seconds": 1.0, "site_warm": 94}, False),
        ({"pass_seconds": 1.0, "site_warm": 76, "left_out": 20}, True),
        ({"pass_seconds": 1.0, "at": time.time() - 10}, False),
    ):
        await store_state(msgspec.structs.replace(state, **change))
        assert is_covered(await look(), 0.95) is covered, change
