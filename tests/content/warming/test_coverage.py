"""Coverage: the loop, a report without a loop, and the memory of a process count what is fresh."""

import json
import time
from collections.abc import AsyncIterator
from io import StringIO

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.management import call_command
from prometheus_client.parser import text_string_to_metric_families

from content import resources
from content.caching import invalidate
from content.caching.engines import engine_of
from content.caching.metrics.process import Process
from content.caching.metrics.reports import reporting
from content.ops import health
from content.ops.health import WarmStart
from content.ops.metrics import page as metrics
from content.warming import catalogue, kinds, plan_chosen, warm
from content.warming.coverage import (
    Counts,
    Coverage,
    Row,
    Share,
    count_hottest,
    describe_coverage,
    find_gaps,
    measure_coverage,
)
from content.warming.hot_set import name_of
from content.warming.kinds import Kind, kind_of, kind_of_path
from content.warming.load_control import LoadControl
from content.warming.loop import WarmLoop
from content.warming.process_coverage import ProcessCoverage, coverage_of, publish_hot_keys, report_coverage
from content.warming.state import read_coverage, store_state
from content.warming.targets import Target, pages

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_on_redis")]

ORIGIN = "http://testserver"
HOT = [
    Target(resources.site),
    *(Target(resources.post, ("post", f"post-{number}")) for number in range(4)),
    *(Target(pages, (f"{ORIGIN}/posts/post-{number}/",)) for number in range(4)),
]
POST, PAGE = Kind("post"), Kind("page", "post")


async def read_hottest(most: int) -> list[tuple[str, float]]:
    return [(name_of(target), 100.0 - place) for place, target in enumerate(HOT)][:most]


@pytest.fixture
async def loop() -> AsyncIterator[WarmLoop]:
    loop = WarmLoop(engine_of("default"), read_hottest=read_hottest, control=LoadControl(rate=1e6))
    with loop.hot.following():
        yield loop


async def run_hot(loop: WarmLoop) -> None:
    loop.hot.read_at = float("-inf")
    while await loop.hot.run():
        pass


# --- in Redis ---------------------------------------------------------------------------------------------


async def test_the_share_falls_with_an_edit_and_rises_when_it_is_loaded_again(loop, blog):
    empty = await measure_coverage(read=read_hottest)
    assert empty.of_set("hot") == (0, len(HOT))
    await run_hot(loop)
    assert (await measure_coverage(read=read_hottest)).of_set("hot") == (len(HOT), len(HOT))
    await invalidate([f"post:{blog[2].pk}:page"])
    edited = await measure_coverage(read=read_hottest)
    assert edited.by_kind("hot")[POST] == edited.by_kind("hot")[PAGE] == (3, 4)
    await run_hot(loop)
    assert (await measure_coverage(read=read_hottest)).of_set("hot").ratio == 1


async def test_the_loop_reports_what_another_reads_back(loop, blog):
    await run_hot(loop)
    engine_of("default").clock = lambda: time.time() + 3 * 86400
    known, measured = loop.coverage(), await measure_coverage(read=read_hottest)
    assert known.of_set("hot") == measured.of_set("hot") == (0, len(HOT))
    engine_of("default").clock = time.time
    known, measured = loop.coverage(), await measure_coverage(read=read_hottest)
    assert [row for row in known.rows if row.set != "site"] == list(measured.rows)
    assert measured.of_set("100") == (len(HOT), len(HOT))


async def test_the_coverage_of_the_site_is_that_of_all_its_entries(loop):
    await run_hot(loop)
    await loop.warm_site()
    every = [target async for chunk in loop.everything() for target in chunk]
    site = loop.coverage().of_set("site")
    assert site.entries == len(dict.fromkeys(map(str, every)))
    assert site.fresh == site.entries == loop.state().site_warm


async def test_a_report_takes_what_the_loop_knows_and_measures_without_one(loop, monkeypatch):
    async def measure(most: int) -> Coverage:
        return Coverage((Row("hot", "site", "", 0, most),))

    monkeypatch.setattr("content.warming.state.measure_coverage", measure)
    assert (await read_coverage(7)).of_set("hot") == (0, 7)
    await store_state(loop.state())
    # One that has not yet compared says nothing.
    assert (await read_coverage(7)).of_set("hot") == (0, 7)
    await run_hot(loop)
    await store_state(loop.state())
    assert (await read_coverage(7)).of_set("hot") == (len(HOT), len(HOT))


def test_the_sets_are_of_the_hottest():
    counts = count_hottest((POST, number < 150) for number in range(1200))
    shares = Coverage.of(counts)
    assert [shares.of_set(name) for name in ("100", "1000", "hot")] == [(100, 100), (150, 1000), (150, 1200)]


def test_it_is_told_in_one_sentence():
    coverage = Coverage.of(count_hottest((POST, number != 7) for number in range(3000)))
    assert describe_coverage(coverage) == (
        "Fresh in Redis: 99 % of the 100 hottest, 99.9 % of the 1,000 hottest, 99.9 % of all 3,000 hot entries."
    )
    assert "not known" in describe_coverage(None)
    assert list(find_gaps(coverage, "hot")) == [(POST, Share(2999, 3000))]


def test_rows_that_are_not_ours_are_left_out():
    rows = (
        Row("hot", "post", "", 1, 2),
        Row("hot", "evil", "", 1, 2),
        Row("hot", "page", "evil", 1, 2),
        Row("evil", "post", "", 1, 2),
        Row("hot", "site", "", 3, 2),
    )
    assert Coverage(rows).readable().rows == rows[:1]
    assert coverage_of(Process(0, "a", 1, 0, 0, True, {"rows": [["hot", 1]]})) is None


async def test_each_page_of_the_catalogue_has_a_kind():
    found = {kind_of_path(path.partition("?")[0]): path async for chunk in catalogue() for path in chunk.paths}
    assert set(found) <= kinds.PAGE_KINDS
    assert kinds.PAGE_KINDS - set(found) <= {"other"}
    assert kind_of(Target(pages, (f"{ORIGIN}/tags/green/feed.xml",))) == Kind("page", "feed")
    assert kind_of(Target(pages, (f"{ORIGIN}/api/v1/posts/a/",))) == Kind("page", "api")
    assert kind_of(Target(pages, (f"{ORIGIN}/about/",))) == Kind("page", "other")


# --- in a process -----------------------------------------------------------------------------------------


async def test_a_process_counts_what_its_memory_has_fresh_and_changes_nothing(loop, blog):
    await run_hot(loop)
    engine, process = engine_of("default"), ProcessCoverage()
    assert process.measure() is None
    await publish_hot_keys(loop.hot.hot_keys())
    hits = {key: (node.hits, node.value.reads) for key, node in engine.memory.nodes.items()}
    assert process.measure().of_set("hot") == (len(HOT), len(HOT))
    assert {key: (node.hits, node.value.reads) for key, node in engine.memory.nodes.items()} == hits
    await invalidate([f"post:{blog[2].pk}:page"])
    assert process.measure().by_kind("hot")[PAGE] == (3, 4)
    engine.memory.clear()
    assert process.measure().of_set("hot") == (0, len(HOT))


# --- reports ----------------------------------------------------------------------------------------------


@pytest.fixture
def reported(loop):
    """The loop has run and reported, and this process as one that serves readers."""

    async def run() -> None:
        await run_hot(loop)
        await loop.warm_site()
        await store_state(loop.state())
        await publish_hot_keys(loop.hot.hot_keys())

    before = reporting.measure_coverage
    report_coverage()
    yield run
    reporting.measure_coverage = before


async def test_cache_stats_shows_coverage_and_return(reported):
    await reported()
    engine_of("default").memory.clear()
    text, as_json = StringIO(), StringIO()
    await sync_to_async(call_command, thread_sensitive=False)("cache_stats", stdout=text)
    await sync_to_async(call_command, thread_sensitive=False)("cache_stats", "--json", stdout=as_json)
    assert "Fresh in Redis: 100 % of the 100 hottest" in text.getvalue()
    assert "Fresh in the memory of process" in text.getvalue()
    warming = json.loads(as_json.getvalue())["warming"]
    assert warming["coverage"]["redis"]["hot"]["share"] == 1
    assert warming["coverage"]["redis"]["hot"]["kinds"]["page: post"] == {"fresh": 4, "entries": 4, "share": 1.0}
    assert warming["coverage"]["processes"][0]["memory"]["1000"]["fresh"] == 0
    assert {"hot", "site", "parts"} <= {row["plan"] for row in warming["return"]}


async def test_metrics_show_coverage_and_return_by_bounded_labels(reported):
    await reported()
    metrics.cached_coverage.clear()
    text = (await metrics.compute_metrics()).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def value_of(name: str, **labels: str) -> float:
        [value] = [sample.value for sample in samples if (sample.name, sample.labels) == (name, labels)]
        return value

    page = {"set": "hot", "resource": "page", "page": "post"}
    assert value_of("evergreen_coverage_fresh", tier="shared", **page) == 4
    assert value_of("evergreen_coverage_entries", tier="memory", **page) == 4
    assert value_of("evergreen_coverage_lowest_process", set="1000") == 1
    assert value_of("evergreen_warm_entries_total", plan="hot", resource="page") >= 4
    assert not [sample for sample in samples if sample.labels.get("event", "").startswith("warm")]


# --- readiness --------------------------------------------------------------------------------------------


class Start:
    """A process that has just started, and what is fresh of the 1,000 hottest."""

    def __init__(self) -> None:
        self.now, self.fresh = 0.0, 0

    async def read(self, most: int) -> Coverage:
        counts = Counts()
        for number in range(10):
            counts.add(POST, is_fresh=number < self.fresh)
        return Coverage.of({"1000": counts})


@pytest.fixture
def start(settings) -> Start:
    settings.READY_COVERAGE, settings.READY_SECONDS = 0.9, 60
    return Start()


async def test_a_new_process_is_ready_at_the_demanded_coverage_and_stays_ready(start):
    check = WarmStart(start.read, lambda: start.now).check
    start.fresh = 8
    assert await check() == (
        "8 of the 10 hottest entries are fresh; EVERGREEN_READY_COVERAGE demands 0.9 of them. Workers warm the rest; "
        "the process is ready in 60 s in any case."
    )
    start.fresh = 9
    assert await check() is None
    start.fresh = 0
    assert await check() is None


async def test_a_new_process_is_ready_after_the_time_limit_in_any_case(start):
    check = WarmStart(start.read, lambda: start.now).check
    start.now = 59
    assert await check() is not None
    start.now = 60
    assert await check() is None


async def test_nothing_is_demanded_by_default(start, settings):
    settings.READY_COVERAGE = 0
    assert await WarmStart(start.read, lambda: start.now).check() is None


def test_readyz_demands_it_of_the_real_cache(settings, client, loop):
    settings.READY_COVERAGE, settings.READY_SECONDS = 0.5, 3600
    start = health.warm_start = WarmStart()
    health.cached_checks.clear()
    try:
        checks = client.get("/readyz").json()["checks"]
        assert "EVERGREEN_READY_COVERAGE demands 0.5" in checks["coverage"]["reason"]
        async_to_sync(warm_popular)()
        health.cached_checks.clear()
        assert client.get("/readyz").json()["checks"]["coverage"]["ok"]
        assert start.is_over
    finally:
        health.warm_start = WarmStart()
        health.cached_checks.clear()


async def warm_popular() -> None:
    await warm(await plan_chosen())
