"""/metrics of the service: responses, queues, jobs, outbox, workers, Redis; and all of it while they are down."""

import signal
import time
from collections import Counter
from contextlib import closing
from datetime import timedelta

import pytest
import redis
from django.core.cache import cache
from django.db import connection
from django.db.models import F
from prometheus_client.parser import text_string_to_metric_families

from content.caching.engines import engine_of
from content.caching.metrics.count_folder import CountFolder, HostCounts
from content.caching.metrics.process_counts import process_counts
from content.caching.metrics.reports import reporting
from content.caching.watch.models import WatchedChange
from content.ops.metrics import page as metrics
from content.ops.metrics.requests import read_host_counts, request_metrics
from content.ops.state import outbox, service, worker_reports
from content.ops.state.task_queues import keys_of
from tests.support.servers.redis import running_redis
from workers import signals, tasks
from workers.queues import IN_ORDER

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def on_redis(settings, fresh_redis):
    """The site on a Redis of its own."""
    reporting.end()
    worker_reports._recorded.clear()
    settings.REDIS_URL = settings.GIVEN_REDIS_URL = settings.CELERY_BROKER_URL = fresh_redis
    backend = {"BACKEND": "content.caching.backends.RedisCache", "LOCATION": fresh_redis, "KEY_PREFIX": "evergreen"}
    settings.CACHES = {**settings.CACHES, "default": backend}
    forget()
    with closing(redis.Redis.from_url(fresh_redis)) as client:
        yield client
    reporting.end()
    forget()


def forget() -> None:
    cached = (metrics.cached_metrics, metrics.cached_coverage, *service.MEASUREMENTS)
    for measurement in cached:
        measurement.clear()


async def read_samples() -> dict[tuple, float]:
    forget()
    text = (await metrics.compute_metrics()).decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# --- the state of the service -----------------------------------------------------------------------------


async def test_queues_are_those_of_the_workers(on_redis):
    assert {name for label in ("refresh", "default", "warm") for name in names_of(label)} == set(IN_ORDER)
    on_redis.rpush(keys_of("refresh", "evergreen")[0], "a", "b")
    on_redis.rpush(keys_of("refresh", "evergreen")[5], "c")
    on_redis.set(keys_of("warm", "evergreen")[0], "of another type")
    samples = await read_samples()
    lengths = {name[1]: value for name, value in samples.items() if name[0] == "evergreen_queue_length"}
    assert lengths == {"refresh": 3, "default": 0, "warm": 0}


def names_of(label: str) -> set[str]:
    return {key.removeprefix("evergreen:queue:").partition("\x06")[0] for key in keys_of(label, "evergreen")}


async def test_the_backlog_is_the_length_of_both_refresh_queues(on_redis):
    engine = engine_of("default")
    on_redis.zadd(engine.refresher.queue.keys[0], {"a": 1, "b": 2})
    on_redis.zadd(engine.page_queue.keys[0], {"c": 1})
    assert (await read_samples())["evergreen_refresh_backlog",] == 3


async def test_a_job_has_the_time_of_its_last_success_and_whether_it_failed_since(on_redis):
    before = time.time()
    for _ in range(3):
        signals.record_job(tasks.write_views, "SUCCESS")
    signals.record_job(tasks.write_heat, "FAILURE")
    signals.record_job(tasks.warm, "SUCCESS")
    samples = await read_samples()
    assert before <= samples["evergreen_job_last_success_timestamp_seconds", "write views"] <= time.time()
    jobs = {name[1]: value for name, value in samples.items() if name[0] == "evergreen_job_last_run_failed"}
    assert jobs == {"write views": 0, "write heat": 1}
    signals.record_job(tasks.write_views, "FAILURE")
    samples = await read_samples()
    assert samples["evergreen_job_last_run_failed", "write views"] == 1
    assert before <= samples["evergreen_job_last_success_timestamp_seconds", "write views"]


async def test_what_others_wrote_about_jobs_is_no_label(on_redis):
    key = worker_reports._key()
    bad = {"a|b|succeeded": 1, "job|succeeded": "nan", 'x"\n|failed': 1, "j" * 60 + "|failed": 1, b"\xff|failed": 1}
    on_redis.hset(key, mapping=bad)
    assert await worker_reports.read_runs() == {}
    on_redis.hset(key, mapping={f"job {number}|failed": 1 for number in range(300)})
    assert await worker_reports.read_runs() == {}


def test_a_job_ends_well_while_redis_is_down(on_redis, settings):
    settings.CACHES = {**settings.CACHES, "default": {**settings.CACHES["default"], "LOCATION": nowhere()}}
    signals.record_job(tasks.write_views, "SUCCESS")


async def test_the_outbox_counts_rows_that_no_log_has(on_redis):
    await WatchedChange.objects.acreate(model="a", changes="[]")
    await WatchedChange.objects.acreate(model="a", changes="[]", epoch="taken")
    await age_outbox(90)
    samples = await read_samples()
    assert samples["evergreen_outbox_rows",] == 1
    assert 89 < samples["evergreen_outbox_oldest_seconds",] < 120
    assert samples["evergreen_database_up",] == 1


async def age_outbox(seconds: int) -> None:
    await WatchedChange.objects.aupdate(created_at=F("created_at") - timedelta(seconds=seconds))


async def test_the_age_of_the_heartbeat_grows_past_the_silence(on_redis):
    assert ("evergreen_worker_heartbeat_age_seconds",) not in await read_samples()
    signals.beat_safely()
    assert (await read_samples())["evergreen_worker_heartbeat_age_seconds",] < 60
    cache.set("worker:last-heartbeat", time.time() - 3600)
    assert 3600 <= (await read_samples())["evergreen_worker_heartbeat_age_seconds",] < 3660
    cache.set("worker:last-heartbeat", "of another type")
    assert ("evergreen_worker_heartbeat_age_seconds",) not in await read_samples()


async def test_the_memory_of_redis_and_its_limit(on_redis):
    on_redis.config_set("maxmemory", 64 * 1024 * 1024)
    try:
        samples = await read_samples()
    finally:
        # Tests share this server.
        on_redis.config_set("maxmemory", 0)
    assert samples["evergreen_redis_up",] == 1
    assert 0 < samples["evergreen_redis_memory_bytes",] < samples["evergreen_redis_memory_limit_bytes",] == 2**26
    assert samples["evergreen_redis_evicted_total",] == 0


# --- while something is down ------------------------------------------------------------------------------


def nowhere() -> str:
    return "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_page_does_not_wait_for_a_redis_that_is_down(settings, on_redis, set_patience, number):
    """It has ended, or it accepts connections and never answers."""
    with running_redis() as server:
        settings.REDIS_URL = settings.CELERY_BROKER_URL = server.url
        options = {"SOCKET_TIMEOUT": 60.0, "SOCKET_CONNECT_TIMEOUT": 60.0}
        here = {**settings.CACHES["default"], "LOCATION": server.url, "OPTIONS": options}
        settings.CACHES = {**settings.CACHES, "default": here}
        assert (await read_samples())["evergreen_redis_up",] == 1
        server.process.send_signal(number)
        set_patience(0.2)
        try:
            began = time.monotonic()
            samples = await read_samples()
            assert time.monotonic() - began < 30
        finally:
            server.process.send_signal(signal.SIGCONT)
    assert samples["evergreen_redis_up",] == 0
    assert samples["evergreen_statistics_up",] == 0
    assert samples["evergreen_requests_total", "hit", "200"] >= 0
    assert not {name[0] for name in samples} & {"evergreen_redis_memory_bytes", "evergreen_queue_length"}


async def test_the_page_comes_while_the_database_is_down(on_redis, monkeypatch):
    def fail(*arguments: object) -> None:
        raise connection.Database.OperationalError("the database is down")

    monkeypatch.setattr(outbox, "_read_outbox", fail)
    samples = await read_samples()
    assert samples["evergreen_database_up",] == 0
    assert ("evergreen_outbox_rows",) not in samples


# --- responses --------------------------------------------------------------------------------------------


def rendered(counts: dict) -> dict[tuple, float]:
    families = request_metrics(HostCounts(Counter(counts), processes=1, oldest=5.0, unreadable=2))
    return {(sample.name, *sample.labels.values()): sample.value for each in families for sample in each.samples}


def test_responses_by_status_and_cache_with_their_durations():
    samples = rendered(
        {
            ("plain_hits", "200", "hit"): 5,
            ("requests", "200", "hit"): 1,
            ("requests", "404", "miss uri-miss"): 2,
            ("requests", "404", "miss stale"): 3,
            ("durations", "miss stale", "0.01"): 2,
            ("durations", "miss uri-miss", "+Inf"): 1,
            ("duration_nanoseconds", "miss stale"): 5_000_000,
            ("waits", "0.5"): 4,
            ("wait_nanoseconds", ""): 10**9,
        }
    )
    assert samples["evergreen_requests_total", "200", "hit"] == 6
    assert samples["evergreen_requests_total", "404", "miss"] == 5
    assert samples["evergreen_page_misses_total", "stale"] == 3
    duration = "evergreen_request_duration_seconds"
    assert [samples[f"{duration}_bucket", "miss", bound] for bound in ("0.005", "0.01", "30", "+Inf")] == [0, 2, 2, 3]
    assert (samples[f"{duration}_count", "miss"], samples[f"{duration}_sum", "miss"]) == (3, 0.005)
    assert samples["evergreen_reader_wait_seconds_count",] == 4
    assert samples["evergreen_reader_wait_seconds_sum",] == 1
    assert samples["evergreen_process_start_time_seconds_oldest",] == 5
    assert samples["evergreen_request_counts_unreadable_total",] == 2


def test_names_of_another_version_are_no_labels():
    samples = rendered(
        {
            ("requests", 'evil"', "hit"): 1,
            ("requests", "200", "unheard"): 1,
            ("durations", "hit", "nonsense"): 1,
            ("durations", "hit", "0.07"): 1,
            ("requests",): 1,
            ("unheard", "200", "hit"): 1,
        }
    )
    assert samples["evergreen_requests_total", "other", "hit"] == 1
    assert samples["evergreen_requests_total", "200", "miss"] == 1
    assert samples["evergreen_page_misses_total", "other"] == 1
    assert samples["evergreen_request_duration_seconds_bucket", "hit", "0.07"] == 1
    assert samples["evergreen_request_duration_seconds_count", "hit"] == 1


def test_without_a_folder_a_process_shows_its_own_counts(monkeypatch, tmp_path):
    process_counts.forget()
    (tmp_path / "file").write_text("no folder")
    process_counts.open(CountFolder(tmp_path / "file" / "counts"))
    process_counts.count_response(200, "none")
    host = read_host_counts()
    samples = {sample.name: sample.value for each in request_metrics(host) for sample in each.samples}
    assert host.counts["requests", "200", "none"] == 1
    assert samples["evergreen_request_counts_up"] == 0
    process_counts.forget()


def test_a_folder_that_cannot_be_read_shows_no_false_resets(tmp_path):
    process_counts.forget()
    process_counts.open(CountFolder(tmp_path / "counts"))
    (tmp_path / "counts" / "lock").symlink_to(tmp_path / "elsewhere")
    assert read_host_counts() is None
    assert [each.name for each in request_metrics(None)] == ["evergreen_request_counts_up"]
    process_counts.forget()
