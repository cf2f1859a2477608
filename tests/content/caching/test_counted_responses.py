"""Each response counts once, by status and by what the cache did: under EdgeProtocol, and under any other server."""

import asyncio
from collections import Counter

import httpx
import pytest

from content.caching.edge import EdgeCache
from content.caching.edge.cache_outcome import outcome_of
from content.caching.edge.request_counter import RequestCounter
from content.caching.metrics.process_counts import cache_of, process_counts
from tests.support.wire import answer, connect, request, server_config

HOST = [(b"host", b"site")]
HEAD = [(b"content-type", b"text/plain"), (b"content-length", b"2")]


@pytest.fixture(autouse=True)
def counted(request):
    """What was counted since the last call: responses by status and cache."""
    process_counts.forget()
    yield responses
    process_counts.forget()


def responses() -> Counter:
    counts: Counter = Counter()
    for (family, *labels), amount in process_counts.counts().items():
        if family in ("plain_hits", "requests"):
            counts[labels[0], cache_of(labels[1])] += amount
    return counts


async def application(scope, receive, send):
    match scope["path"]:
        case "/fails":
            raise ValueError("no response")
        case "/silent":
            return
        case path:
            lifetime = b"max-age=60" if path.startswith("/kept") else b"no-store"
            headers = [*HEAD, (b"cache-control", lifetime), (b"etag", b'"1"')]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def site():
    return RequestCounter(EdgeCache(application), begin=lambda: None)


# --- EdgeProtocol -----------------------------------------------------------------------------------------


async def ask(site, *asked, **options) -> list[int]:
    """The statuses, over one connection."""
    config, statuses = server_config(site, **options), []
    async with connect(site, config=config) as (reader, writer, protocol):
        for method, target, *fields in asked:
            writer.write(request(method, target, [*HOST, *fields]))
            statuses.append((await answer(reader, method))[0])
            await asyncio.gather(*protocol.tasks, return_exceptions=True)
    return statuses


async def test_a_miss_then_hits_then_conditions(site):
    known = (b"if-none-match", b'"1"')
    asked = [("GET", "/kept"), *[("GET", "/kept")] * 5, ("HEAD", "/kept"), ("GET", "/kept", known)]
    assert await ask(site, *asked) == [200] * 7 + [304]
    assert responses() == {("200", "miss"): 1, ("200", "hit"): 6, ("304", "hit"): 1}


async def test_plain_hits_through_asgi_count_once(site):
    """A range is no plain hit. The last request of a connection is one for EdgeCache, and none for EdgeProtocol."""
    last = (b"connection", b"close")
    asked = [("GET", "/kept"), ("GET", "/kept", (b"range", b"bytes=0-0")), ("GET", "/kept", last)]
    assert await ask(site, *asked) == [200, 206, 200]
    assert responses() == {("200", "miss"): 1, ("206", "hit"): 1, ("200", "hit"): 1}


async def test_what_is_not_stored_and_what_is_passed(site):
    assert await ask(site, ("GET", "/new"), ("POST", "/new", (b"content-length", b"0"))) == [200, 200]
    assert responses() == {("200", "miss"): 1, ("200", "pass"): 1}


async def test_pipelined_hits_count_each(site):
    await ask(site, ("GET", "/kept"))
    process_counts.forget()
    async with connect(site) as (reader, writer, _):
        writer.write(request("GET", "/kept", HOST) * 5)
        received = b""
        while received.count(b"200 OK") < 5:
            received += await reader.read(65536)
    assert responses() == {("200", "hit"): 5}


@pytest.mark.parametrize("path", ["/fails", "/silent"])
async def test_an_error_of_the_application_counts_as_the_servers_500(site, path):
    assert await ask(RequestCounter(application, begin=lambda: None), ("GET", path)) == [500]
    assert responses() == {("500", "none"): 1}


async def test_refusals_of_the_protocol_count(site):
    async with connect(site) as (reader, writer, _):
        writer.write(b"nonsense\r\n\r\n")
        assert (await answer(reader))[0] == 400
    fields = [(b"x", b"y")] * 300
    async with connect(site) as (reader, writer, _):
        writer.write(request("GET", "/", [*HOST, *fields]))
        assert (await answer(reader))[0] == 431
    assert await ask(site, ("GET", "/"), limit_concurrency=1) == [503]
    assert responses() == {("400", "none"): 1, ("431", "none"): 1, ("503", "none"): 1}


async def test_a_client_that_left_before_the_head_is_not_counted():
    gate, begun = asyncio.Event(), asyncio.Event()

    async def slow(scope, receive, send):
        begun.set()
        await gate.wait()
        await application(scope | {"path": "/new"}, receive, send)

    async with connect(RequestCounter(slow, begin=lambda: None)) as (_, writer, protocol):
        writer.write(request("GET", "/", HOST))
        await begun.wait()
        protocol.transport.abort()
        await asyncio.sleep(0)
        tasks = list(protocol.tasks)
        gate.set()
        await asyncio.gather(*tasks)
    assert responses() == {}


async def test_durations_are_measured_for_all_but_repeated_hits(site):
    await ask(site, *[("GET", "/kept")] * 3, ("GET", "/new"))
    timed = Counter(name[1] for name, _ in process_counts.counts().items() if name[0] == "durations")
    assert set(timed) == {"miss uri-miss", "hit"}
    assert process_counts.counts()["duration_nanoseconds", "miss uri-miss"] > 0


# --- another server ---------------------------------------------------------------------------------------


async def test_under_another_server_the_middleware_counts_each_once(site):
    transport = httpx.ASGITransport(site, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
        for path in ("/kept", "/kept", "/kept", "/new"):
            await client.get(path)
        await client.head("/kept")
        await client.get("/kept", headers={"If-None-Match": '"1"'})
    assert responses() == {("200", "miss"): 2, ("200", "hit"): 3, ("304", "hit"): 1}


async def test_an_error_before_the_head_counts_once():
    counter = RequestCounter(application, begin=lambda: None)
    transport = httpx.ASGITransport(counter, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
        assert (await client.get("/fails")).status_code == 500
    assert responses() == {("500", "none"): 1}


# --- Cache-Status -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (None, "none"),
        (b"edge; hit; ttl=5; key=x", "hit"),
        (b"edge; hit; ttl=-1", "stale"),
        (b'edge; hit; ttl=5; key="a; ttl=-1; collapsed"', "hit"),
        (b'edge; fwd=uri-miss; stored; key="a; hit"', "miss uri-miss"),
        (b"edge; fwd=vary-miss", "miss vary-miss"),
        (b"edge; hit; fwd=stale; fwd-status=304; ttl=5", "miss stale"),
        (b"edge; hit; fwd=stale; fwd-status=500; ttl=-3", "stale"),
        (b"edge; fwd=request", "miss request"),
        (b"edge; fwd=stale; fwd-status=200; stored; collapsed; ttl=5", "joined"),
        (b"edge; fwd=method; fwd-status=403", "pass"),
        (b'edge; fwd=bypass; detail="; hit"', "pass"),
        (b"edge; fwd=unheard-of", "miss other"),
        (b"edge", "miss other"),
    ],
)
def test_the_outcome_is_what_cache_status_says(value, outcome):
    headers = [] if value is None else [(b"cache-status", b"another; hit"), (b"cache-status", value)]
    assert outcome_of(headers) == outcome
