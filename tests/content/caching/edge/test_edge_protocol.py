"""EdgeProtocol on real connections: what it answers by itself, what it leaves to uvicorn, and what it refuses."""

import asyncio
import contextlib
import logging
import ssl

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as some
from uvicorn.server import ServerState

from content.caching.edge import SHARED_CACHE, EdgeCache, connection
from content.caching.edge.protocol import EdgeProtocol
from tests.support.edge import Origin, Site, settle, wait_for_encoder
from tests.support.wire import answer, connect, request, server_config

HOST = (b"host", b"site")
TAGGED = {"cache-control": "max-age=60", "etag": '"one"', "content-type": "text/html"}


@pytest.fixture(autouse=True)
def way(monkeypatch) -> None:
    """This module writes its own bytes: what it asks of Site goes through ASGI, for comparison."""
    monkeypatch.setattr(Site, "transport", "asgi")


class Named:
    """Says what it was asked for, so that a page under another's key is seen."""

    async def __call__(self, scope, receive, send) -> None:
        await receive()
        host = b",".join(value for name, value in scope["headers"] if name == b"host")
        body = b"%s %s://%b%b?%b" % (
            b"made",
            scope["scheme"].encode(),
            host,
            scope["raw_path"],
            scope["query_string"],
        )
        length = str(len(body)).encode()
        headers = [(b"cache-control", b"max-age=60"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def get(target="/", *headers, method="GET"):
    return request(method, target, [HOST, *headers])


async def next_answer(reader, method="GET"):
    """Like `answer`, but leaves what comes behind: status, fields, body."""
    head = await reader.readuntil(b"\r\n\r\n")
    line, *lines = head[:-4].split(b"\r\n")
    fields = [tuple(line.split(b": ", 1)) for line in lines]
    status, length = int(line.split(b" ")[1]), int(dict(fields).get(b"content-length", 0))
    is_bare = method == "HEAD" or status in (100, 304)
    return status, fields, b"" if is_bare else await reader.readexactly(length)


async def all_answers(app, *packets, **options):
    """The responses to a client that sends these, waits after each, and then ends."""
    async with connect(app, **options) as (reader, writer, _):
        for packet in packets:
            writer.write(packet)
            await settle()
        writer.write_eof()
        return await reader.read(-1)


async def split_responses(stream):
    """The answers in what a connection sent; none may be malformed or incomplete."""
    reader, found = asyncio.StreamReader(), []
    reader.feed_data(stream)
    reader.feed_eof()
    while not reader.at_eof():
        found.append(await next_answer(reader))
    return found


def pages(answers):
    """But for a 100: who does not wait for a body need not send it."""
    return [(status, body) for status, _, body in answers if status != 100]


@contextlib.contextmanager
def no_traceback():
    """The server and its loop log no exception meanwhile."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "asyncio")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
    assert [record.getMessage() for record in records if record.exc_info] == []


# --- plain hits ------------------------------------------------------------------------------------------------


async def test_a_plain_hit_makes_no_task_and_a_miss_does():
    site, state = Site(Origin()), ServerState()
    async with connect(site.edge, state) as (reader, writer, served):
        made = []
        served.loop.set_task_factory(
            lambda loop, work, **options: made.append(1) or asyncio.Task(work, loop=loop, **options)
        )
        writer.write(get())
        assert b"fwd=uri-miss" in dict((await answer(reader))[1])[b"cache-status"]
        assert made
        assert (state.total_requests, site.origin.count) == (1, 1)
        await settle()
        made.clear()
        writer.write(get())
        status, fields, body = await answer(reader)
        assert (status, body) == (200, b"hello")
        assert b"; hit" in dict(fields)[b"cache-status"]
        assert not made
        assert not served.tasks
        assert (state.total_requests, site.origin.count) == (2, 1)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("headers", [{}, {"if-none-match": '"one"'}, {"if-none-match": '"two"'}])
async def test_it_answers_as_the_application_would(method, headers):
    site = Site(Origin(TAGGED))
    await site.ask()
    expected = await site.ask("/", headers, method=method)
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    async with connect(site.edge) as (reader, writer, _):
        writer.write(get("/", *pairs, method=method))
        status, fields, body = await answer(reader, method)
    assert (status, fields, body) == (expected.status, list(expected.fields.pairs), expected.body)


names = some.sampled_from(
    [
        *("accept-encoding", "if-none-match", "if-modified-since", "cookie", "cache-control", "pragma", "range"),
        *("x-forwarded-proto", "x-forwarded-for", "accept", "content-length", "authorization"),
    ]
)
values = some.sampled_from(
    [
        *("", "gzip", "br;q=0.5, gzip", "*;q=0", "identity", '"one"', 'W/"one"', '"two", "one"', "*", "a=1"),
        *("no-cache", "max-age=0", "only-if-cached", "bytes=0-1", "bytes=9-", "https", "0", "1.2.3.4", "text/html"),
        "Thu, 01 Jan 2026 00:00:00 GMT",
    ]
)
cases = some.sampled_from([str.lower, str.upper, str.title])
sections = some.lists(some.tuples(some.builds(lambda case, name: case(name), cases, names), values), max_size=4)


@given(section=sections)
def test_whatever_the_fields_it_answers_as_the_application_would(section):
    async def ask_both():
        site = Site(Origin(TAGGED, body=b"evergreen " * 300))
        await store_all_codings(site)
        expected = await site.ask("/", section)
        pairs = [(name.encode(), value.encode()) for name, value in section]
        async with connect(site.edge) as (reader, writer, _):
            writer.write(get("/", *pairs))
            status, fields, body = await answer(reader)
        fields = [pair for pair in fields if pair != (b"connection", b"close")]
        assert (status, fields, body) == (expected.status, list(expected.fields.pairs), expected.body)

    if sum(name.lower() == "content-length" for name, _ in section) == 0:
        with no_traceback():
            asyncio.run(ask_both())


async def store_all_codings(site):
    """Store the page in each coding that a client may ask for."""
    await site.ask()
    for coding in ("gzip", "br", "zstd"):
        await site.ask("/", {"accept-encoding": coding})
        await wait_for_encoder(site)


# --- what comes how --------------------------------------------------------------------------------------------


async def test_pipelined_hits_and_misses_are_answered_in_order():
    edge = EdgeCache(Named())
    targets = [f"/{name}" for name in "ababcaadbe"]
    async with connect(edge) as (reader, writer, _):
        for target in ("/a", "/b"):
            writer.write(get(target))
            await next_answer(reader)
        await settle()
        writer.write(b"".join(get(target) for target in targets))
        told = [(await next_answer(reader))[2] for _ in targets]
    assert told == [f"made http://site{target}?".encode() for target in targets]


async def test_a_hit_in_a_packet_of_its_own_waits_for_the_miss_before_it():
    edge, gate = EdgeCache(origin := Origin()), asyncio.Event()
    async with connect(edge) as (reader, writer, _):
        writer.write(get("/a"))
        await next_answer(reader)
        await settle()
        origin.before, origin.body = gate.wait, b"later"
        for target in ("/b", "/a"):
            writer.write(get(target))
            await settle()
        gate.set()
        assert [(await next_answer(reader))[2] for _ in range(2)] == [b"later", b"hello"]


async def test_a_body_that_looks_like_a_request_is_a_body():
    edge, inner = EdgeCache(Named()), get("/b")
    await all_answers(edge, get("/b"))
    head = get("/c", (b"content-length", str(len(inner)).encode()), method="POST")
    assert [body for _, _, body in await split_responses(await all_answers(edge, head, inner))] == [
        b"made http://site/c?"
    ]


async def test_a_field_that_looks_like_a_request_is_a_field():
    edge = EdgeCache(Named())
    await all_answers(edge, get("/b"))
    told = await split_responses(await all_answers(edge, b"GET /c HTTP/1.1\r\nx: ", get("/b")))
    assert [body for _, _, body in told] == [b"made http://site/c?"]


async def test_a_hit_for_head_ends_with_its_fields():
    edge = EdgeCache(Named())
    await all_answers(edge, get("/b"))
    assert (await all_answers(edge, get("/b", method="HEAD"))).endswith(b"\r\n\r\n")


async def test_a_head_may_come_in_any_two_pieces():
    site, packet = Site(Origin(TAGGED)), get("/", (b"accept", b"*/*"))
    async with connect(site.edge) as (reader, writer, _):
        for cut in range(1, len(packet)):
            writer.write(packet[:cut])
            await settle()
            writer.write(packet[cut:])
            assert (await answer(reader))[::2] == (200, b"hello")
    assert site.origin.count == 1


@pytest.mark.parametrize(
    "packet",
    [
        b"GET / HTTP/1.0\r\nhost: site\r\n\r\n",
        get("/", (b"connection", b"close")),
        get("/", (b"Connection", b"Close")),
    ],
)
async def test_who_asks_to_close_is_answered_and_closed(packet):
    site = Site(Origin())
    await site.ask()
    async with connect(site.edge) as (reader, writer, _):
        writer.write(packet)
        status, fields, body = await next_answer(reader)
        assert (status, body) == (200, b"hello")
        assert (b"connection", b"close") in fields
        assert await reader.read() == b""


ODD = {
    "expectation": get("/a", (b"expect", b"100-continue")),
    "h2c": get("/a", (b"upgrade", b"h2c"), (b"connection", b"upgrade")),
    "a body": get("/a", (b"content-length", b"3")) + b"abc" + get("/b"),
    "a chunked body": get("/a", (b"transfer-encoding", b"chunked")) + b"3\r\nabc\r\n0\r\n\r\n" + get("/b"),
    "a request in the body": get("/a", (b"content-length", str(len(get("/b"))).encode())) + get("/b"),
    "bare LF": b"GET /a HTTP/1.1\nhost: site\n\n",
    "bare LF within": b"GET /a HTTP/1.1\r\nhost: site\n\nGET /b HTTP/1.1\r\nhost: site\r\n\r\n",
    "bare CR": b"GET /a HTTP/1.1\r\nhost: site\raccept: x\r\n\r\n",
    "lines before": b"\r\n\r\n" + get("/a"),
    "lines between": get("/a") + b"\r\n\r\n" + get("/b"),
    "two slashes": get("//a"),
    "an authority": get("//other/a"),
    "absolute": get("http://site/a"),
    "absolute, elsewhere": get("http://other/a"),
    "a space": get("/a b"),
    "a space before": get(" /a"),
    "a tab": get("/a\tb"),
    "a control byte": get("/a\x01"),
    "a NUL": get("/a\0"),
    "DEL": get("/a\x7f"),
    "eight bits": get("/a\xe9"),
    "a fragment": get("/a#b"),
    "an empty query": get("/a?"),
    "asterisk": get("*"),
    "no target": b"GET  HTTP/1.1\r\nhost: site\r\n\r\n",
    "lower case": b"get /a HTTP/1.1\r\nhost: site\r\n\r\n",
    "another version": b"GET /a HTTP/1.2\r\nhost: site\r\n\r\n",
    "a folded line": b"GET /a HTTP/1.1\r\nhost: site\r\n other\r\n\r\n",
    "a space in a name": b"GET /a HTTP/1.1\r\nhost : other\r\n\r\n",
}


@pytest.mark.parametrize("packet", ODD.values(), ids=ODD.keys())
async def test_what_is_odd_is_answered_as_without_a_cache(packet):
    """Twice on a warm cache: the second time it would be known, were it taken for a plain hit."""
    edge = EdgeCache(Named())
    with no_traceback():
        bare = await split_responses(await all_answers(Named(), packet))
        await all_answers(edge, get("/a") + get("/b"))
        for _ in range(2):
            found = await split_responses(await all_answers(edge, packet))
            assert pages(found) == pages(bare)


@given(
    pieces=some.lists(
        some.one_of(
            some.binary(max_size=12),
            some.sampled_from([b"GET ", b"/a", b"//", b"?", b" ", b" HTTP/1.1", b"\r\n", b"\n", b"\r", b"\r\n\r\n"]),
            some.sampled_from(
                [b"host: site\r\n", b"host: other\r\n", b"content-length: 2\r\n", get("/a"), get("/c")]
            ),
        ),
        max_size=8,
    )
)
def test_any_bytes_are_answered_or_refused(pieces):
    """With the pages of an application without a cache, in order, up to where either refuses the rest."""

    async def write():
        edge = EdgeCache(Named())
        warm = await all_answers(edge, get("/a"))
        found = await split_responses(await all_answers(edge, get("/a") + b"".join(pieces)))
        assert found[0][2] == (await split_responses(warm))[0][2]
        assert {status for status, _, _ in found} <= {100, 200, 400, 431}
        bare = await split_responses(await all_answers(Named(), get("/a"), b"".join(pieces)))
        told, expected = ([page for page in pages(answers) if page[0] == 200] for answers in (found, bare))
        assert all(ours == theirs for ours, theirs in zip(told, expected, strict=False))

    with no_traceback():
        asyncio.run(write())


async def test_a_client_that_does_not_read_costs_no_more_than_a_page_or_two():
    site, number = Site(Origin(body=b"x" * 100_000)), 200
    await site.ask()
    async with connect(site.edge) as (reader, writer, served):
        writer.write(get() * number)
        await settle()
        assert 0 < served.transport.get_write_buffer_size() < 300_000
        for _ in range(number):
            assert len((await next_answer(reader))[2]) == 100_000
    assert site.origin.count == 1


# --- limits ----------------------------------------------------------------------------------------------------


TOO_MUCH = {
    "one field": get("/", (b"x", b"y" * 70_000)),
    "a target": get("/" + "y" * 70_000),
    "many fields": get("/", *[(b"x-%d" % number, b"y") for number in range(300)]),
}


@pytest.mark.parametrize("packet", TOO_MUCH.values(), ids=TOO_MUCH.keys())
async def test_a_head_past_all_bounds_is_refused(packet):
    site = Site(Origin())
    await site.ask()
    async with connect(site.edge) as (reader, writer, _):
        writer.write(packet)
        status, fields, _ = await next_answer(reader)
        assert (status, dict(fields)[b"connection"]) == (431, b"close")
        assert await reader.read() == b""
    assert site.origin.count == 1


async def test_a_head_past_all_bounds_is_refused_before_it_ends():
    async with connect(EdgeCache(Named())) as (reader, writer, _):
        writer.write(get()[:-2])
        await settle()
        writer.write(b"x: " + b"y" * 70_000)
        assert (await next_answer(reader))[0] == 431
        assert await reader.read() == b""


async def test_many_requests_in_a_packet_are_no_large_head():
    """Requests that were answered before a head began do not count as part of it."""
    site, packet = Site(Origin()), get("/", (b"x", b"y" * 400))
    await site.ask()
    async with connect(site.edge) as (reader, writer, served):
        served.data_received(packet * 200 + packet[:-9])
        for _ in range(200):
            assert (await next_answer(reader))[0] == 200
        writer.write(packet[-9:])
        assert (await next_answer(reader))[0] == 200


async def test_a_body_before_a_head_is_no_large_head():
    async with connect(Named()) as (reader, writer, served):
        served.data_received(get("/", (b"content-length", b"90000"), method="POST") + b"x" * 90_000 + get()[:-9])
        assert (await next_answer(reader))[0] == 200
        writer.write(get()[-9:])
        assert (await next_answer(reader))[0] == 200


@pytest.mark.parametrize("begun", [b"GET", get()[:-2]])
async def test_a_head_that_never_ends_is_closed(monkeypatch, begun):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.05)
    async with connect(EdgeCache(Named())) as (reader, writer, _):
        writer.write(begun)
        assert await reader.read() == b""


async def test_a_head_behind_an_answer_that_is_owed_cuts_nothing_off(monkeypatch):
    """A request may be slow to answer: meanwhile what follows it is not waited for."""
    gate, clock = asyncio.Event(), asyncio.get_running_loop().time
    site = Site(Origin(before=gate.wait))
    async with connect(site.edge) as (reader, writer, served):
        writer.write(get() + get()[:9])
        await settle()
        served.head_started_at = clock() - 2 * connection.HEAD_SECONDS
        served.timeout_keep_alive_handler()
        gate.set()
        assert (await next_answer(reader))[0] == 200
        served.timeout_keep_alive_handler()
        writer.write(get()[9:])
        assert (await next_answer(reader))[0] == 200


@pytest.mark.parametrize("sent", [b"", b"\r\n", get(), get() + b"\r\n"])
async def test_a_quiet_connection_is_closed(sent):
    async with connect(EdgeCache(Named()), timeout_keep_alive=0.05) as (reader, writer, _):
        writer.write(sent[:-2])
        await settle()
        writer.write(sent[-2:])
        assert len(await split_responses(await reader.read())) == sent.count(b"GET")


async def test_plain_hits_keep_a_connection():
    site = Site(Origin())
    await site.ask()
    async with connect(site.edge) as (reader, writer, served):
        served.idle_since -= 2 * served.timeout_keep_alive
        writer.write(get())
        assert (await answer(reader))[0] == 200
        served.timeout_keep_alive_handler()
        assert not served.transport.is_closing()
        served.idle_since -= 2 * served.timeout_keep_alive
        served.timeout_keep_alive_handler()
        assert await reader.read() == b""


@pytest.mark.parametrize(("limit", "status"), [(1, 503), (2, 200)])
async def test_past_the_limit_hits_are_refused_too(limit, status):
    site = Site(Origin())
    await site.ask()
    async with connect(site.edge, limit_concurrency=limit) as (reader, writer, _):
        writer.write(get())
        assert (await answer(reader))[0] == status


# --- the end ---------------------------------------------------------------------------------------------------


async def test_a_request_while_the_server_ends_is_answered_with_connection_close():
    site = Site(Origin())
    await site.ask()
    async with connect(site.edge) as (reader, writer, served):
        served.shutdown()
        writer.write(get())
        status, fields, body = await next_answer(reader)
        assert (status, body, dict(fields)[b"connection"]) == (200, b"hello", b"close")
        assert await reader.read() == b""


@pytest.mark.parametrize("asks", [False, True], ids=["just made", "after a hit"])
async def test_a_quiet_connection_is_closed_when_the_server_ends(monkeypatch, asks):
    monkeypatch.setattr(connection, "LAST_SECONDS", 0.05)
    site = Site(Origin())
    await site.ask()
    async with connect(site.edge) as (reader, writer, served):
        if asks:
            writer.write(get())
            assert (await next_answer(reader))[0] == 200
        served.shutdown()
        assert not served.transport.is_closing()
        assert await reader.read() == b""


# --- what stands around it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("trusted", "scheme"), [("*", b"https"), ("127.0.0.1", b"http")])
async def test_a_trusted_proxy_says_the_scheme(trusted, scheme):
    edge, state = EdgeCache(Named()), ServerState()
    async with connect(edge, state, proxy_headers=True, forwarded_allow_ips=trusted) as (reader, writer, _):
        for _ in range(3):
            writer.write(get())
            assert (await next_answer(reader))[2] == b"made http://site/?"
            writer.write(get("/", (b"x-forwarded-proto", b"https")))
            _, fields, body = await next_answer(reader)
            assert body == b"made %b://site/?" % scheme
            await settle()
        assert b"; hit" in dict(fields)[b"cache-status"]


async def access_log(app, packet, **options):
    """The access log's lines for a request."""
    logger, lines = logging.getLogger("uvicorn.access"), []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append((record.getMessage(), record.args))
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        await all_answers(app, packet, access_log=True, **options)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    return lines


@pytest.mark.parametrize("target", ["/", "/a?b=c", "/a?", "/%7Euser/%c3%a9", "/a:b,(c)@d", "/a?b=%7E:,"])
async def test_the_access_log_is_uvicorns(target):
    edge, packet = EdgeCache(Named()), get(target, (b"x-forwarded-for", b"1.2.3.4"))
    options = {"proxy_headers": True, "forwarded_allow_ips": "*"}
    expected = await access_log(Named(), packet, **options)
    await all_answers(edge, packet)
    assert await access_log(edge, packet, **options) == expected != []


async def test_over_tls_the_key_is_of_https():
    authority = trustme.CA()
    server_side, client_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server_side)
    authority.configure_trust(client_side)
    config, state = server_config(EdgeCache(Named(), profile=SHARED_CACHE)), ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: EdgeProtocol(config, state, {}), "127.0.0.1", 0, ssl=server_side)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client_side, server_hostname="localhost"
        )
        for _ in range(2):
            writer.write(get())
            _, fields, body = await next_answer(reader)
            assert body == b"made https://site/?"
            await settle()
        assert b"; hit" in dict(fields)[b"cache-status"]
        assert b"https://site/" in dict(fields)[b"cache-status"]
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


# --- one Date ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cached", [True, False])
async def test_a_response_has_one_date_also_if_the_application_writes_one(cached):
    """RFC 9110, 6.6.1: the server's, where it adds one; Age tells how old the page is."""
    written = "Thu, 01 Jan 2026 00:00:00 GMT"
    control = {"cache-control": "max-age=9000000000" if cached else "no-store"}
    for adds in (True, False):
        site, state = Site(Origin({"Date": written} | control)), ServerState()
        state.default_headers = [(b"date", b"Fri, 02 Jan 2026 00:00:00 GMT")] if adds else []
        async with connect(site.edge, state) as (reader, writer, _):
            for number in range(3):
                writer.write(get())
                _, fields, _ = await next_answer(reader)
                dates = [value for name, value in fields if name == b"date"]
                assert len(dates) == 1, number
                assert (dates[0] == written.encode()) is not adds


async def test_connections_share_what_they_can():
    """Ten thousand idle ones are 16 MB less."""
    config = server_config(EdgeCache(Origin()))
    one, other = (EdgeProtocol(config=config, server_state=ServerState(), app_state={}) for _ in range(2))
    assert one._forwarding is other._forwarding
    # With more attributes, CPython gives each object a table of keys of its own.
    assert len(vars(one)) <= 30
