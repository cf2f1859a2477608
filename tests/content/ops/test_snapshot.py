"""Snapshots on a real Redis: counters of one epoch, panels that fail alone, and what is down."""

import asyncio
import time

import msgspec
import pytest
from django.core.cache import cache

from content import resources
from content.ops import health, snapshot
from content.ops.panels.panel import Reading, Source
from content.ops.snapshot import SOURCES, Snapshot, recent, take_snapshot
from content.ops.state import service, totals
from content.ops.state.totals import cached_totals
from tests.support.caches import redis_cache, use_cache
from tests.support.servers.redis import running_redis

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_panels")]


@pytest.fixture
def clean_panels():
    """No test sees what another one has read."""
    recent.clear()
    cached_totals.clear()
    service.forget()
    health.redis_client.cache_clear()
    for source in SOURCES:
        source.clear()


@pytest.fixture
def redis_site(fresh_redis, settings, blog):
    settings.REDIS_URL = settings.GIVEN_REDIS_URL = settings.CELERY_BROKER_URL = fresh_redis
    with use_cache(redis_cache(fresh_redis), time.time):
        yield


async def snapshot_of_all() -> Snapshot:
    """On a busy machine a panel may need more than one try."""
    async with asyncio.timeout(30):
        while True:
            taken = await snapshot_now()
            if all(panel.status == "ok" for panel in taken.panels.values()):
                return taken


async def snapshot_now() -> Snapshot:
    cached_totals.clear()
    service.forget()
    for source in SOURCES:
        source.clear()
    return await take_snapshot()


@pytest.mark.usefixtures("redis_site")
async def test_reads_are_counted_and_each_panel_is_read():
    first = await snapshot_now()
    await resources.site.get()
    await resources.site.get()
    second = await snapshot_of_all()
    assert second.epoch == first.epoch != ""
    assert second.counters["reads"] - first.counters["reads"] == 2
    assert second.counters["loads.readers"] > first.counters["loads.readers"]
    assert (second.gauges["redis.up"], second.gauges["database.up"]) == (1.0, 1.0)


@pytest.mark.usefixtures("redis_site")
async def test_a_snapshot_survives_json():
    taken = await take_snapshot()
    assert msgspec.json.decode(msgspec.json.encode(taken), type=Snapshot) == taken


@pytest.mark.usefixtures("redis_site")
async def test_a_flush_of_the_sums_begins_another_epoch():
    await resources.site.get()
    before = await snapshot_now()
    await cache.aclear()
    totals.reporting.reporter.connect().flushdb()
    after = await snapshot_now()
    assert "" != after.epoch != before.epoch


@pytest.mark.usefixtures("redis_site")
async def test_a_panel_that_fails_says_so_and_keeps_its_last_rows(monkeypatch):
    async def read() -> Reading:
        if is_broken:
            raise ValueError("redis://:secret@host")
        return Reading(note="Fine.", gauges={"test": 1.0})

    is_broken = False
    source = Source("test", "A test", read)
    monkeypatch.setattr(snapshot, "SOURCES", (*SOURCES, source))
    assert (await take_snapshot()).panels["test"].note == "Fine."
    is_broken = True
    source.clear()
    taken = await take_snapshot()
    panel = taken.panels["test"]
    assert (panel.status, panel.note) == (
        "failed",
        "Cannot read this panel. ValueError. The values are the last known.",
    )
    assert "test" not in taken.gauges
    assert [each.name for each in taken.verdict.findings if "A test" in each.problem] == ["statistics-missing"]
    is_broken = False
    assert (await take_snapshot()).panels["test"].status == "ok"


async def test_a_redis_that_is_down_or_hung_is_said_and_not_waited_for(settings, blog, set_patience):
    with running_redis() as server:
        settings.REDIS_URL = settings.GIVEN_REDIS_URL = settings.CELERY_BROKER_URL = server.url
        with use_cache(redis_cache(server.url, SOCKET_TIMEOUT=60, SOCKET_CONNECT_TIMEOUT=60), time.time):
            assert (await snapshot_now()).gauges["redis.up"] == 1.0
            # Time for the other panels.
            set_patience(2.0)
            for stop in (19, 9):
                server.process.send_signal(stop)
                began = time.monotonic()
                taken = await snapshot_now()
                assert time.monotonic() - began < 30
                assert taken.gauges["redis.up"] == 0.0
                assert taken.verdict.level == "failing"
                assert taken.verdict.text.startswith("Redis does not answer.")
                assert taken.panels["runs"].status == "ok"
            totals.reporting.end()


async def test_without_redis_the_process_shows_its_own_counts():
    await resources.site.get()
    taken = await snapshot_of_all()
    assert taken.panels["redis"].note.startswith("This site runs without Redis")
    assert "redis.up" not in taken.gauges
