"""Events of all processes are counted once, and show which resources pay."""

import json
from collections import Counter
from io import StringIO
from time import time as seconds

import pytest
from django.core.cache import caches
from django.core.management import CommandError, call_command
from prometheus_client.parser import text_string_to_metric_families

from content.caching import Policy, invalidate
from content.caching.backends.server import server_of
from content.caching.engines import describe_process, engine_of
from content.caching.metrics.events import Event, listen, subscribe
from content.caching.metrics.process import Process
from content.caching.metrics.reports import Description, Reporter, reporting
from content.caching.metrics.statistics import ENOUGH, statistics
from content.ops.live.layer import Mailbox
from content.ops.metrics import caches as cache_metrics
from content.ops.metrics import page as metrics
from content.ops.metrics.live import live_metrics
from content.ops.panels.processes import row_of
from tests.content.caching.test_resource import HOUR, Book, resource
from tests.support.callers import Callers, run_together

only_redis = pytest.mark.parametrize("alias", ["redis"], indirect=True)


def reporter_to(url: str, prefix: str) -> Reporter:
    return Reporter(server_of(url, {}), prefix, lambda: Description(1000, 2, True, True))


# --- over several processes -----------------------------------------------------------------------------


def test_every_read_of_every_process_is_counted_once(fresh_redis, tmp_path):
    options = {"load_seconds": 0.05, "keys": 20, "callers": 500}
    run_together([Callers(fresh_redis, tmp_path / "journal", **options) for _ in range(3)])
    reporter = reporter_to(fresh_redis, "callers")
    thing = next(row for row in statistics(reporter.report().totals) if row.name == "called")
    assert thing.reads == 1500
    assert thing.loads == 20
    assert thing.load_seconds >= 0.05
    assert 0 < thing.lookup_seconds < 1
    assert thing.stored_bytes > 20
    reporter.stop()


def test_what_was_reported_is_not_reported_again(fresh_redis, monkeypatch):
    counted = Counter({("hit", "book", "memory"): 5})
    monkeypatch.setattr("content.caching.metrics.reports.current_totals", lambda: Counter(counted))
    one, other = reporter_to(fresh_redis, "twice"), reporter_to(fresh_redis, "twice")
    assert one.flush()
    assert one.flush()
    assert one.report().totals == counted
    counted["hit", "book", "memory"] = 7
    assert other.report().totals["hit", "book", "memory"] == 12
    assert one.report().totals["hit", "book", "memory"] == 14
    one.stop()
    other.stop()


def test_what_redis_did_not_take_goes_with_the_next(fresh_redis, monkeypatch):
    counted = Counter({("load", "book", ""): 3})
    monkeypatch.setattr("content.caching.metrics.reports.current_totals", lambda: Counter(counted))
    nowhere = reporter_to("redis://127.0.0.1:1/0", "later")
    assert not nowhere.flush()
    nowhere.client = None
    nowhere.server = server_of(fresh_redis, {})
    assert nowhere.report().totals == counted
    nowhere.stop()


def test_a_process_says_when_it_started_and_an_old_report_does_not(fresh_redis):
    reporter = reporter_to(fresh_redis, "age")
    old = (
        b'{"at": %f, "host": "there", "pid": 1, "memory_bytes": 1, "memory_entries": 1, "is_heard": true}' % seconds()
    )
    reporter.connect().hset(reporter.processes, "there:1", old)
    here, there = sorted(reporter.report().processes, key=lambda each: each.pid, reverse=True)
    assert 0 < here.started_at <= here.at <= seconds()
    assert (there.started_at, there.propagation_seconds) == (0.0, None)
    metrics_of = {family.name: family for family in cache_metrics.process_metrics((here, there))}
    [*ages] = metrics_of["evergreen_process_start_time_seconds"].samples
    assert {(each.labels["serves"], each.labels["process"]): each.value for each in ages} == {
        ("readers", "oldest"): here.started_at,
        ("readers", "newest"): here.started_at,
    }
    reporter.stop()


def test_the_slowest_process_is_the_propagation_of_all():
    heard = {"at": 1.0, "host": "a", "pid": 1, "memory_bytes": 0, "memory_entries": 0, "is_heard": True}
    processes = [Process(**heard, propagation_seconds=seconds) for seconds in (None, 0.002, 0.3)]
    assert propagation_of(processes) == [0.3]
    assert propagation_of(processes[:1]) == []


def propagation_of(processes: list[Process]) -> list[float]:
    families = cache_metrics.process_metrics(processes)
    return [family.samples[0].value for family in families if family.name == "evergreen_propagation_seconds"]


@only_redis
def test_other_processes_see_an_open_breaker(alias, fresh_redis):
    breaker = engine_of(alias).shared.breaker
    reporter = Reporter(server_of(fresh_redis, {}), "breakers", lambda: describe_process(0, 0, True, None))
    assert [each.open_breakers for each in reporter.report().processes] == [0]
    breaker.record_failure(timed_out=True)
    try:
        [process] = reporter.report().processes
        row = row_of(process, process.at)
        assert (process.open_breakers, row.state) == (1, "bad")
        assert "1 open" in row.cells
    finally:
        breaker.record_success()
        reporter.stop()


def test_a_process_that_is_silent_is_over(fresh_redis):
    reporter = reporter_to(fresh_redis, "gone")
    client = reporter.connect()
    gone = Process(at=1.0, host="there", pid=1, memory_bytes=1, memory_entries=1, is_heard=True)
    import msgspec

    client.hset(reporter.processes, "there:1", msgspec.json.encode(gone))
    (here,) = reporter.report().processes
    assert (here.memory_bytes, here.memory_entries, here.is_heard) == (1000, 2, True)
    assert client.hlen(reporter.processes) == 1
    reporter.stop()


POISONS = {
    "another type": lambda client, key: (client.delete(key), client.set(key, "alien")),
    "no number": lambda client, key: client.hset(key, "hit|book|memory", b"\xff"),
    "more than any": lambda client, key: client.hset(key, "hit|book|memory", "1.7e308"),
    "fields of others": lambda client, key: client.hset(
        key, mapping={b"\xff": 1, "a|b": 1, "hit|x|memory": "nan", "hit|y|memory": "inf", "hit|z|memory": "z"}
    ),
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
def test_i15_sums_that_cannot_be_read_or_added_to_begin_anew(fresh_redis, monkeypatch, poison):
    counted = Counter({("hit", "book", "memory"): 5, ("load", "book", ""): 1})
    monkeypatch.setattr("content.caching.metrics.reports.current_totals", lambda: Counter(counted))
    reporter = reporter_to(fresh_redis, "poison")
    poison(reporter.connect(), reporter.counts)
    assert reporter.report().totals == counted
    counted["load", "book", ""] = 3
    assert reporter.report().totals == counted
    reporter.stop()


@pytest.mark.parametrize("content", [b"\xff", b"[" * 100_000, b'{"at": 1e99}', b"", b"7"])
def test_i15_a_report_that_cannot_be_read_is_deleted(fresh_redis, content):
    reporter = reporter_to(fresh_redis, "poison")
    client = reporter.connect()
    client.hset(reporter.processes, b"\xff", content)
    assert len(reporter.report().processes) == 1
    assert client.hlen(reporter.processes) == 1
    client.delete(reporter.processes)
    client.set(reporter.processes, content)
    assert len(reporter.report().processes) == 1
    reporter.stop()


# --- by resource ----------------------------------------------------------------------------------------


def totals(name: str, *, hits: int, loads: int, load_seconds: float, lookup_seconds: float) -> Counter:
    return Counter(
        {
            ("hit", name, "shared"): hits,
            ("miss", name, ""): loads,
            ("load", name, ""): loads,
            ("load_seconds", name, ""): loads * load_seconds,
            ("lookup", name, ""): hits + loads,
            ("lookup_seconds", name, ""): (hits + loads) * lookup_seconds,
        }
    )


@pytest.mark.parametrize(
    ("hits", "loads", "load_seconds", "verdict"),
    [
        (900, 100, 0.02, "pays"),
        (
            900,
            100,
            0.0001,
            "does not pay: 100 loads of 0.10 ms for 1000 reads, 90% of them hits; a lookup takes 0.50 ms. "
            "Its loader is as quick as a lookup: call the loader itself, without a resource",
        ),
        (
            5,
            995,
            0.02,
            "does not pay: 995 loads of 20.00 ms for 1000 reads, 0% of them hits; a lookup takes 0.50 ms. "
            "Few entries are read twice: give it fewer parameters or a longer ttl, or do not cache it",
        ),
        (ENOUGH // 2, 1, 0.02, "too few reads to say"),
    ],
)
def test_whether_a_resource_pays(hits, loads, load_seconds, verdict):
    (row,) = statistics(totals("thing", hits=hits, loads=loads, load_seconds=load_seconds, lookup_seconds=0.0005))
    assert row.verdict == verdict
    assert row.hit_ratio == hits / (hits + loads)


def test_what_is_refreshed_more_than_it_is_read_does_not_pay():
    counted = totals("thing", hits=200, loads=0, load_seconds=0.02, lookup_seconds=0.0005)
    counted["load", "thing", ""] = 5000
    counted["load_seconds", "thing", ""] = 100.0
    (row,) = statistics(counted)
    assert (row.reads, row.hit_ratio, row.pays) == (200, 1.0, False)


def test_loads_of_warming_count_for_no_resource():
    counted = totals("thing", hits=200, loads=10, load_seconds=0.02, lookup_seconds=0.0005)
    (before,) = statistics(counted)
    counted["load", "thing", ""] += 5000
    counted["load_seconds", "thing", ""] += 100.0
    counted["warm_loads", "thing", "site"] = 4000
    counted["warm_loads", "thing", "hot"] = 1000
    (row,) = statistics(counted)
    assert (row.pays, row.reader_loads) == (True, 10)
    assert row.saved_seconds == pytest.approx(before.saved_seconds)


@pytest.mark.parametrize(
    ("events", "advice"),
    [
        ({("refused", "thing", ""): 900}, "narrower tags"),
        ({("load_seconds", "thing", ""): 0.01}, "call the loader itself"),
        ({("evict", "thing", "memory"): 900}, "more memory"),
        ({("hit", "thing", "shared"): 10}, "fewer parameters"),
        ({}, "longer ttl"),
    ],
)
def test_it_says_what_to_change_about_a_resource_that_does_not_pay(events, advice):
    counted = totals("thing", hits=600, loads=400, load_seconds=0.01, lookup_seconds=0.0009)
    counted["load", "thing", ""] = 1000
    (row,) = statistics(Counter({**counted, **events}))
    assert advice in row.advice


def test_hits_in_memory_cost_no_lookup():
    counted = totals("thing", hits=10, loads=10, load_seconds=0.0004, lookup_seconds=0.0005)
    counted["hit", "thing", "memory"] = 10_000
    (row,) = statistics(counted)
    assert row.verdict == "pays"


async def test_what_is_read_is_counted(alias, source, clock):
    source.values[1] = Book("one")
    book = resource(source, clock)
    before = book.counters.memory_hits
    with listen() as events:
        for _ in range(10):
            await book.get(1)
    hits = sum(count for (what, _, _), count in events.items() if what == "hit")
    assert (hits, events["load", "book", ""]) == (9, 1)
    assert book.using(jitter=0).counters is book.counters
    # The first hit may take the long way, which counts it as an event of its own.
    assert book.counters.memory_hits - before in (0, 8, 9)


# --- one by one -----------------------------------------------------------------------------------------


async def test_subscribers_get_key_tier_and_reason(alias, source, clock):
    source.values[1] = Book("one")
    book = resource(source, clock, policy=Policy(ttl=HOUR.ttl, stale_ttl=HOUR.ttl, jitter=0, early=0))
    seen: list[Event] = []
    with subscribe(seen.append):
        await book.get(1)
        await book.get(1)
        tier = "memory" if engine_of(alias).memory is not None else "shared"
        assert Event("miss", "book", book.key((1,)), "", "") in seen
        assert Event("load", "book", book.key((1,)), "", "") in seen
        assert Event("hit", "book", book.key((1,)), tier, "") in seen
        clock.forward(3601)
        await book.get(1)
        assert "stale" in {event.what for event in seen}

        async def overtake():
            await invalidate(["book:1"])

        source.during = overtake
        await book.refresh(1)
        reasons = {event.reason for event in seen if event.what == "refused"}
        assert reasons == {"overtaken by an invalidation"}
    before = len(seen)
    await book.get(1)
    assert len(seen) == before


async def test_a_subscriber_that_fails_is_no_readers_error(alias, source, clock, caplog):
    source.values[1] = Book("one")
    book = resource(source, clock)
    with subscribe(lambda event: 1 / 0):
        assert await book.get(1) == Book("one")
    assert "a subscriber to cache events failed" in caplog.text


# --- told -----------------------------------------------------------------------------------------------


@only_redis
@pytest.mark.django_db(transaction=True)
async def test_cache_stats_shows_what_happened(alias, source, clock):
    from asgiref.sync import sync_to_async

    source.values[1] = Book("one")
    book = resource(source, clock)
    await book.get(1)
    await book.get(1)
    out = StringIO()
    await sync_to_async(call_command, thread_sensitive=False)("cache_stats", "--json", stdout=out)
    told = json.loads(out.getvalue())
    row = next(row for row in told["resources"] if row["name"] == "book")
    assert row["loads"] >= 1
    assert row["memory_hits"] >= 1
    assert row["verdict"]
    assert told["processes"][0]["log_is_heard"] is True
    out = StringIO()
    await sync_to_async(call_command, thread_sensitive=False)("cache_stats", stdout=out)
    assert "book" in out.getvalue()
    assert "Processes that report: 1," in out.getvalue()


@pytest.mark.parametrize("alias", ["locmem"], indirect=True)
def test_cache_stats_without_redis_says_why_not(alias):
    reporting.end()
    with pytest.raises(CommandError, match="Statistics need Redis"):
        call_command("cache_stats")


@only_redis
@pytest.mark.django_db(transaction=True)
async def test_metrics_are_read_by_prometheus_and_only_grow(alias, source, clock, async_client):
    source.values[1] = Book("one")
    book = resource(source, clock)
    seen = []
    for _ in range(3):
        await book.get(1)
        metrics.cached_metrics.clear()
        response = await async_client.get("/metrics")
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        families = {family.name: family for family in text_string_to_metric_families(response.content.decode())}
        assert families["evergreen_statistics_up"].samples[0].value == 1
        hits = [
            sample.value
            for sample in families["evergreen_cache_events"].samples
            if sample.labels == {"event": "hit", "resource": "book", "tier": "memory"}
        ]
        seen.append(sum(hits))
    assert seen[0] < seen[1] < seen[2]


@only_redis
def test_labels_are_those_that_are_declared(alias):
    foreign = Counter({("hit", "no such resource", "memory"): 1.0, ("load_seconds", "no such resource", ""): 1.0})
    assert cache_metrics.event_counter(foreign).samples == []
    assert cache_metrics.amount_counter("load_seconds", "", foreign).samples == []


def test_failures_of_live_dashboards_are_counted_by_five_labels():
    counted = Counter(
        {("layer failed", "live", "send"): 2, ("unreadable", "live", "state"): 1, ("unreadable", "live", "x"): 9}
    )
    [family] = live_metrics(counted)
    values = {(sample.labels["event"], sample.labels["what"]): sample.value for sample in family.samples}
    assert values == {
        ("layer failed", "send"): 2,
        ("layer failed", "receive"): 0,
        ("unreadable", "state"): 1,
        ("unreadable", "history"): 0,
        ("unreadable", "editors"): 0,
    }


@only_redis
@pytest.mark.django_db(transaction=True)
async def test_a_failure_of_the_channel_layer_is_in_metrics(alias, async_client):
    Mailbox().count_failure("send", ConnectionError())
    metrics.cached_metrics.clear()
    text = (await async_client.get("/metrics")).content.decode()
    assert 'evergreen_live_failures_total{event="layer failed",what="send"} ' in text
    assert 'evergreen_live_failures_total{event="layer failed",what="send"} 0.0' not in text


def test_without_redis_no_counter_is_exported(opened_nowhere):
    text = metrics.render_metrics(metrics.Measurements(metrics.report_or_none())).decode()
    assert "evergreen_statistics_up 0.0" in text
    assert "evergreen_cache_events" not in text


@pytest.fixture
def opened_nowhere(settings):
    reporting.end()
    settings.CACHES = {
        "default": {
            "BACKEND": "content.caching.backends.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 0.1, "SOCKET_TIMEOUT": 0.1},
        }
    }
    yield
    reporting.end()
    caches.close_all()
