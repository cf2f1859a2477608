"""Spans of a read, from the request to the query, by the real SDK."""

import asyncio
import contextvars
import logging

import pytest
from django.db import connection, connections

from content.caching import MODERATE, Resource, invalidate, tracing
from content.caching.edge.request_span import with_trace_id
from content.caching.engines import engine_of
from content.caching.entry import NOWHERE
from content.caching.metrics.events import totals
from content.caching.ordering.tag_index import Kind
from content.caching.queries import shape_of, summary_of, watch_connections
from content.caching.refresh_queue import RefreshRequest
from content.caching.tracing import MAX_SPANS, begin_root, begin_trace, current_span, current_trace_id, span
from tests.support.edge import Origin, Site, settle, wait_for_tasks
from tests.support.service import clean_environment
from tests.support.tracing import recorded
from tests.support.warm_python import run_warm

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
HOSTILE = [
    "",
    "00-" + "0" * 32 + f"-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"01-{TRACE}-{SPAN}-01",
    f"00-{TRACE.upper()}-{SPAN}-01",
    f"{PARENT}\n",
    f"{PARENT}-more",
    "x" * 10_000,
    None,
    7,
]


@pytest.fixture
def traces():
    with recorded() as recording:
        yield recording


@pytest.fixture
def redis(fresh_redis, clock):
    from tests.support.caches import redis_cache, use_cache

    with use_cache(redis_cache(fresh_redis), clock) as alias:
        yield alias


# --- requests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["asgi", "protocol"])
async def test_a_hit_makes_no_span(traces, transport):
    site = Site(Origin())
    site.transport = transport
    await site.ask("/a")
    await wait_for_tasks(site)
    assert traces.spans.named("GET"), "the miss makes some"
    traces.clear()
    assert all([(await site.ask("/a")).is_hit for _ in range(5)])
    assert not traces.spans


async def test_a_miss_is_a_trace_of_request_page_and_render(traces):
    site = Site(Origin())
    await site.ask("/a?secret=1")
    await wait_for_tasks(site)
    request = traces.spans.one("GET")
    assert (request.kind, request.parent_id) == ("SERVER", "")
    assert request.attributes == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "evergreen.cache": "miss",
    }
    page, render, store = (traces.spans.one(name) for name in ("page", "render", "store page"))
    assert page.parent_id == request.span_id
    assert render.parent_id == store.parent_id == page.span_id
    assert {span.trace_id for span in traces.spans} == {request.trace_id}


async def test_an_unrecorded_trace_makes_no_span_at_all(monkeypatch):
    with recorded(ratio=0) as recording:
        monkeypatch.setattr(tracing, "Span", None)
        monkeypatch.setattr(tracing, "Trace", None)
        assert (await Site(Origin()).ask()).status == 200
        assert not recording.spans


async def test_a_strangers_traceparent_neither_forces_recording_nor_names_the_trace():
    with recorded(ratio=0) as recording:
        await Site(Origin()).ask(headers={"traceparent": PARENT})
        assert not recording.spans
    with recorded(ratio=1) as recording:
        await Site(Origin()).ask(headers={"traceparent": PARENT})
        assert recording.spans.one("GET").trace_id != TRACE


async def test_a_trusted_proxy_names_the_trace_and_decides_whether_it_is_recorded():
    with recorded(ratio=0, trusts_parents=True) as recording:
        await Site(Origin()).ask(headers={"traceparent": PARENT})
        request = recording.spans.one("GET")
        assert (request.trace_id, request.parent_id) == (TRACE, SPAN)
    with recorded(ratio=1, trusts_parents=True) as recording:
        await Site(Origin()).ask(headers={"traceparent": PARENT.removesuffix("1") + "0"})
        assert not recording.spans


@pytest.mark.parametrize("traceparent", [each for each in HOSTILE if isinstance(each, str) and "\n" not in each])
async def test_a_malformed_traceparent_of_a_trusted_proxy_begins_a_new_trace(traceparent):
    with recorded(trusts_parents=True) as recording:
        await Site(Origin()).ask(headers={"traceparent": traceparent})
        assert recording.spans.one("GET").parent_id == ""


async def test_an_invented_method_has_no_name_of_its_own(traces):
    await Site(Origin()).ask(method="BREW")
    assert traces.spans.one("_OTHER").attributes["http.request.method"] == "_OTHER"


async def test_an_error_is_named_by_its_type_alone(traces):
    site = Site(Origin(error=ValueError("ann@example.org")))
    with pytest.raises(ValueError):
        await site.ask()
    assert traces.spans.one("GET").attributes["error.type"] == "ValueError"
    assert traces.spans.one("GET").failed
    assert "ann@example.org" not in repr(traces.spans)


async def test_requests_that_join_refer_to_the_fetch_that_they_wait_for(traces):
    opened = asyncio.Event()
    site = Site(Origin(before=opened.wait))
    asking = [asyncio.ensure_future(site.ask()) for _ in range(3)]
    await settle()
    opened.set()
    await asyncio.gather(*asking)
    page = traces.spans.one("page")
    requests, waits = traces.spans.named("GET"), traces.spans.named("wait")
    assert sorted(request.attributes["evergreen.cache"] for request in requests) == ["joined", "joined", "miss"]
    assert len({request.trace_id for request in requests}) == 3
    assert [wait.links for wait in waits] == [[(page.trace_id, page.span_id)]] * 2


async def test_a_request_does_not_join_the_trace_of_the_context_that_began_it(traces):
    """A server may begin a pipelined request while it ends the one before."""
    with begin_root("the request before") as before:
        await Site(Origin()).ask()
    assert traces.spans.one("GET").trace_id != before.trace_id


def test_the_id_is_in_the_detail_of_cache_status():
    assert with_trace_id([(b"cache-status", b"E; hit")], "E", "1f") == [
        (b"cache-status", b'E; hit; detail="trace=1f"')
    ]
    assert with_trace_id([(b"cache-status", b'E; fwd=bypass; detail="private"')], "E", "1f") == [
        (b"cache-status", b'E; fwd=bypass; detail="private trace=1f"')
    ]
    assert with_trace_id([(b"a", b"b")], "E", "1f")[1] == (b"cache-status", b'E; fwd=bypass; detail="trace=1f"')


# --- reads --------------------------------------------------------------------------------------------


def one_of(*arguments: object) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 WHERE 'secret' <> %s", ["private"])
        return int(cursor.fetchone()[0])


def load_row(name: str) -> int:
    return one_of(name)


@pytest.mark.django_db(transaction=True)
async def test_a_read_is_lookup_lease_load_query_and_store(traces, redis):
    watch_connections()
    row = Resource("traced-row", load=load_row, policy=MODERATE)
    with begin_root("request") as request:
        await row.get("a")
    await asyncio.gather(*engine_of(redis).loop_state().tasks)
    spans = traces.spans
    load, query = spans.one("load traced-row"), spans.one("SELECT")
    below_request = {spans.one(name).parent_id for name in ("lease", "load traced-row", "store traced-row")}
    assert below_request == {request.traceparent[36:52]}
    assert load.attributes["evergreen.queries"] == 1
    assert query.parent_id == load.span_id
    assert query.attributes["db.query.text"] == "SELECT ? WHERE ? <> %s"
    assert query.attributes["db.system.name"] == connections["default"].vendor
    first, again = spans.beginning("lookup")
    assert (first.attributes["evergreen.keys"], first.attributes["evergreen.found"]) == (1, 0)
    assert again.parent_id == first.parent_id
    assert spans.one("store traced-row").attributes["evergreen.bytes"] > 0
    assert spans.one("lease").attributes == {
        "evergreen.keys": 1,
        "evergreen.acquired": 1,
        "evergreen.attempts": 1,
    }
    assert spans.one("lease").ended <= load.ended


@pytest.mark.parametrize("way", ["one", "many"])
async def test_a_reader_who_joins_a_load_refers_to_it(traces, redis, source, way):
    resource = Resource("traced-joined", load=source.load, policy=MODERATE)
    source.hold()

    async def read(name: str) -> None:
        with begin_root(name):
            await (resource.get("a") if way == "one" else resource.get_many(["a"]))

    reading = [asyncio.create_task(read(name), context=contextvars.Context()) for name in ("first", "second")]
    await source.loading.wait()
    source.release()
    await asyncio.gather(*reading)
    load, wait = traces.spans.one("load traced-joined"), traces.spans.one("wait")
    assert load.trace_id == traces.spans.one("first").trace_id
    assert wait.trace_id == traces.spans.one("second").trace_id
    assert wait.links == [(load.trace_id, load.span_id)]


async def test_a_lookup_that_readers_share_is_part_of_a_recorded_trace(traces, redis, source):
    """The first of them may be of no recorded trace."""
    resource = Resource("traced-shared", load=source.load, policy=MODERATE)

    async def read(name: str) -> None:
        with begin_root(name):
            await resource.get(name)

    async def read_unrecorded() -> None:
        await resource.get("b")

    reading = [
        asyncio.create_task(work, context=contextvars.Context()) for work in (read_unrecorded(), read("second"))
    ]
    await asyncio.gather(*reading)
    lookups = traces.spans.beginning("lookup")
    assert max(lookup.attributes["evergreen.keys"] for lookup in lookups) == 2
    assert {lookup.trace_id for lookup in lookups} == {traces.spans.one("second").trace_id}


def test_a_statement_is_shown_without_its_values():
    sql = 'SELECT "a"."x" FROM "content_post" a WHERE a.name = \'O\'\'Brien\' AND a.n = 42 AND a.id IN (%s, %s,  %s)'
    assert shape_of(sql) == 'SELECT "a"."x" FROM "content_post" a WHERE a.name = ? AND a.n = ? AND a.id IN (%s, ...)'
    assert summary_of(shape_of(sql)) == "SELECT content_post"
    assert summary_of("SELECT EXTRACT(YEAR FROM p.day) FROM content_post p") == "SELECT content_post"
    assert len(shape_of("SELECT " + "x, " * 5000)) <= 2000


# --- to other processes -------------------------------------------------------------------------------


async def test_the_refresh_queue_carries_the_trace(traces, redis, source):
    Resource("traced-refresh", load=source.load, policy=MODERATE)
    engine = engine_of(redis)
    queue = engine.refresher.queue
    await queue.take(1)  # a worker is there
    request = RefreshRequest("traced-refresh", "", ("a",), 0.0, NOWHERE)
    with begin_root("request") as asking:
        assert await queue.add(request)
    [taken] = await queue.take(10)
    assert (taken, taken.traceparent) == (request, asking.traceparent)
    assert await queue.add(request)
    [taken] = await queue.take(10)
    assert taken.traceparent == ""


async def test_a_refresh_of_a_worker_continues_the_trace_and_links_the_others(traces, redis, source):
    resource = Resource("traced-batch", load=source.load, policy=MODERATE)
    other = f"00-{'1' * 32}-{SPAN}-01"
    batch = [
        RefreshRequest(resource.name, resource.schema, (name,), 0.0, NOWHERE, traceparent)
        for name, traceparent in (("a", PARENT), ("b", other), ("c", ""))
    ]
    assert await engine_of(redis).refresher.refresh_batch(batch) == 3
    task = traces.spans.one("refresh batch")
    assert (task.trace_id, task.parent_id, task.kind) == (TRACE, SPAN, "CONSUMER")
    assert task.links == [("1" * 32, SPAN)]
    assert traces.spans.is_below(traces.spans.one("load traced-batch"), task)


@pytest.mark.parametrize("traceparent", [each for each in HOSTILE if each is not None])
async def test_what_another_program_writes_into_the_queue_begins_no_trace(redis, traceparent):
    import msgspec

    from content.caching.refresh_queue import _decode_request

    member = msgspec.msgpack.encode(("post@1", ("a",)))
    unreadable = totals["unreadable", "", "queue"]
    taken = _decode_request(member, msgspec.msgpack.encode((1.0, (1, 0), traceparent, "more")))
    if isinstance(traceparent, str):
        assert (taken.seen_at, taken.traceparent) == (1.0, "")
    else:
        assert taken is None
        assert totals["unreadable", "", "queue"] == unreadable + 1


async def test_a_record_of_the_log_carries_the_trace_of_its_write(traces, redis):
    log = engine_of(redis).ordering.log
    with begin_root("request") as request:
        await invalidate(["post:1", "posts"], cache=redis)
    await invalidate(["post:2"], cache=redis)
    written = traces.spans.one("invalidate")
    [later, record] = await log.stream.newest_records(2)
    assert record.traceparent[:52] == f"00-{written.trace_id}-{written.span_id}"
    assert later.traceparent == ""
    assert written.attributes["evergreen.position"] == "{}-{}".format(*record.position)
    assert written.attributes["evergreen.tags"] == ("post:1", "posts")
    assert written.parent_id == request.traceparent[36:52]


@pytest.mark.parametrize("traceparent", [b"", b"\xff" * 55, PARENT.encode() * 1000])
async def test_what_another_program_writes_into_the_log_begins_no_trace(redis, redis_server, traceparent):
    log = engine_of(redis).ordering.log
    await invalidate(["a"], cache=redis)
    with redis_server.client() as client:
        client.xadd(log.stream.stream, {"k": "i", "n": "", "t": b"\x91\xa1b", "p": traceparent})
    [record] = await log.stream.newest_records(1)
    assert (record.tags, record.kind, record.traceparent) == (("b",), Kind.INVALIDATE, "")


# --- bounds -------------------------------------------------------------------------------------------


def test_a_trace_has_a_bounded_number_of_spans(traces):
    with begin_root("run"):
        for _ in range(MAX_SPANS + 10):
            with span("step"):
                pass
    assert len(traces.spans) == MAX_SPANS
    assert traces.spans.one("run").attributes["evergreen.spans_left_out"] == 11


def test_work_that_outlives_a_trace_adds_nothing_to_it(traces, monkeypatch):
    with begin_root("request"):
        context = contextvars.copy_context()
    monkeypatch.setattr(tracing, "LINGER", 0.0)
    with context.run(span, "late") as late:
        assert late is None
    assert context.run(current_trace_id) == ""
    with context.run(begin_trace, "the next pass") as root:
        assert root.is_root


def test_texts_are_cut(traces):
    with begin_root("request") as root:
        root.set("a", "x" * 10_000)
    assert len(traces.spans.one("request").attributes["a"]) == 500


async def test_threads_and_tasks_are_part_of_the_trace(traces):
    with begin_root("request") as root:
        assert await asyncio.to_thread(current_trace_id) == root.trace_id
    assert current_span.get() is None


def test_no_module_of_the_engine_needs_opentelemetry():
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import django; from django.conf import settings; settings.configure(); django.setup()\n"
        "import content.caching, content.caching.engine, content.caching.edge.protocol, content.caching.queries\n"
        "print(content.caching.tracing.current_trace_id() == '')"
    )
    done = run_warm(["-c", code], clean_environment())
    assert done.stdout.strip() == "True", done.stderr


def test_the_log_line_of_a_recorded_trace_names_it(traces, monkeypatch):
    from project import logs

    monkeypatch.setattr(logs, "find_trace_id", current_trace_id)
    record = logging.LogRecord("n", logging.ERROR, "", 0, "broke", None, None)
    with begin_root("request") as root:
        assert logs.TextFormatter().format(record).endswith(f"broke trace_id={root.trace_id}")
        assert f'"trace_id": "{root.trace_id}"' in logs.JsonFormatter().format(record)
    assert "trace_id" not in logs.TextFormatter().format(record) + logs.JsonFormatter().format(record)
