"""One call of the application for all who ask at once, and readers who hang up, wait or read slowly."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from content.caching.edge import SHARED_CACHE
from tests.support.edge import Origin, Site, pairs_of, settle
from tests.support.wait import wait_until_async
from tests.support.wire import answer, connect, request

MINUTE = {"cache-control": "max-age=60"}


def held_site(**options) -> tuple[Site, asyncio.Event]:
    opened = asyncio.Event()
    return Site(Origin(before=opened.wait, **options)), opened


async def test_concurrent_requests_get_one_response():
    site, opened = held_site()
    asking = [asyncio.ensure_future(site.ask()) for _ in range(100)]
    await settle()
    opened.set()
    answers = await asyncio.gather(*asking)
    assert site.origin.count == 1
    assert {answer.body for answer in answers} == {b"hello"}
    assert sum("collapsed" in answer.cache_status for answer in answers) == 99


async def test_concurrent_requests_get_one_response_that_took_longer_than_it_lasts():
    """Its age on arrival is the time that they waited."""
    site, opened = held_site(headers={"cache-control": "max-age=2"})
    asking = [asyncio.ensure_future(site.ask()) for _ in range(100)]
    await settle()
    site.now += 3
    opened.set()
    answers = await asyncio.gather(*asking)
    assert site.origin.count == 1
    assert sum("collapsed" in answer.cache_status for answer in answers) == 99


async def test_no_request_waits_for_a_private_page():
    """As soon as its first line has come, the others ask for themselves, all at once."""
    site, opened = held_site(headers={"cache-control": "private"})
    asking = [asyncio.ensure_future(site.ask()) for _ in range(20)]
    await settle()
    assert site.origin.count == 1
    opened.set()
    assert len({id(answer) for answer in await asyncio.gather(*asking)}) == 20
    assert site.origin.count == 20


async def test_nor_for_the_end_of_a_private_page():
    application = Streaming({"cache-control": "private"})
    site = Site(application)
    opened = asyncio.Event()
    application.before = opened.wait
    tasks = [(await begin_stream(site))[2] for _ in range(2)]
    assert application.count == 1
    opened.set()
    await settle()
    assert application.count == 2, "the first has not ended"
    for _ in tasks:
        application.next.put_nowait(b"")
    await asyncio.gather(*tasks)


async def test_nor_does_the_next_request_wait():
    site = Site(Origin(headers={"cache-control": "private"}))
    await site.ask()
    await settle()
    opened = asyncio.Event()
    site.origin.before = opened.wait
    asking = [asyncio.ensure_future(site.ask()) for _ in range(5)]
    await settle()
    assert site.origin.count == 6
    opened.set()
    await asyncio.gather(*asking)


async def test_each_variant_is_made_once():
    site, opened = held_site(headers=MINUTE | {"vary": "foo"})
    asking = [asyncio.ensure_future(site.ask(headers={"foo": str(number % 2)})) for number in range(10)]
    await settle()
    opened.set()
    await asyncio.gather(*asking)
    assert site.origin.count == 2


async def test_who_comes_after_an_invalidation_is_not_given_what_was_begun_before():
    site, opened = held_site()
    first = asyncio.ensure_future(site.ask())
    await settle()
    await site.edge.page_store.invalidate(["anything"])
    site.origin.body = b"new"
    second = asyncio.ensure_future(site.ask())
    await settle()
    assert site.origin.count == 2
    opened.set()
    await asyncio.gather(first, second)


async def test_i1_a_page_that_was_invalidated_while_it_was_made_is_not_kept():
    site, opened = held_site(headers=MINUTE | {"cache-tag": "post-1, list"})
    asking = asyncio.ensure_future(site.ask())
    await settle()
    await site.edge.page_store.invalidate(["post-1"])
    opened.set()
    await asking
    await site.ask()
    assert site.origin.count == 2


async def test_i11_a_reader_who_hangs_up_takes_nothing_along():
    site, opened = held_site()
    first = asyncio.ensure_future(site.ask())
    await settle()
    second = asyncio.ensure_future(site.ask())
    await settle()
    first.cancel()
    await settle()
    opened.set()
    assert (await second).body == b"hello"
    assert (await site.ask()).is_hit
    assert site.origin.count == 1


async def test_a_client_that_is_gone_does_not_lose_the_page():
    """Its server says so on both ways: what is sent goes nowhere, and what is received is a disconnect."""
    site = Site(Origin())
    told = []

    async def fail_to_send(message):
        told.append(message)
        raise OSError("gone")

    await site.edge(site.scope("/", None), site.nothing_more(), fail_to_send)
    await settle()
    assert (await site.ask()).is_hit


@pytest.mark.asgi
async def test_all_waiting_requests_get_an_error_of_the_application():
    site, opened = held_site(error=RuntimeError("broken"))
    asking = [asyncio.ensure_future(site.ask()) for _ in range(3)]
    await settle()
    opened.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(each) for each in found] == ["broken"] * 3
    assert site.origin.count == 1


# --- streams and large bodies -----------------------------------------------------------------------------


class Streaming:
    """An application that sends a chunk whenever the test says so."""

    def __init__(self, headers) -> None:
        self.headers = headers
        self.next = asyncio.Queue()
        self.was_told = None
        self.count = 0
        self.before = None

    async def __call__(self, scope, receive, send) -> None:
        self.count += 1
        await receive()
        if self.before is not None:
            await self.before()
        await send({"type": "http.response.start", "status": 200, "headers": pairs_of(self.headers)})
        watching = asyncio.ensure_future(receive())
        while True:
            getting = asyncio.ensure_future(self.next.get())
            await asyncio.wait({getting, watching}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                self.was_told = watching.result()["type"]
                getting.cancel()
                return
            chunk = getting.result()
            await send({"type": "http.response.body", "body": chunk, "more_body": bool(chunk)})
            if not chunk:
                watching.cancel()
                return


async def begin_stream(site: Site):
    """The messages so far, and how to hang up."""
    sent, hung_up = [], asyncio.Event()
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive():
        for message in messages:
            return message
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    task = asyncio.ensure_future(site.edge(site.scope("/", None), receive, send))
    await settle()
    return sent, hung_up, task


@pytest.mark.parametrize("headers", [{"cache-control": "no-store"}, MINUTE])
async def test_a_stream_is_passed_on_as_it_comes(headers):
    application = Streaming(headers)
    site = Site(application)
    sent, _, task = await begin_stream(site)
    for number, chunk in enumerate([b"a", b"b", b""]):
        application.next.put_nowait(chunk)
        await settle()
        assert sent[-1]["body"] == chunk
        assert len(sent) == number + 2
    await task


async def test_a_call_for_one_client_learns_that_the_client_has_gone():
    application = Streaming({"cache-control": "no-store"})
    _, hung_up, task = await begin_stream(Site(application))
    hung_up.set()
    await task
    assert application.was_told == "http.disconnect"


async def test_one_that_is_stored_when_it_has_ended():
    application = Streaming(MINUTE)
    site = Site(application)
    _, hung_up, task = await begin_stream(site)
    hung_up.set()
    await settle()
    for chunk in (b"a", b"b", b""):
        application.next.put_nowait(chunk)
    await task
    await settle()
    assert (await site.ask()).body == b"ab"
    assert application.count == 1


@pytest.mark.parametrize("largest", [SHARED_CACHE.largest, 1_000_000], ids=["kept", "too large"])
async def test_no_request_waits_for_a_client_that_does_not_read(largest):
    """A slow reader of a stream that is collected would hold all who ask for the same."""
    chunks = [bytes([number]) * 100_000 for number in range(50)]
    site = Site(Origin(chunks=chunks), replace(SHARED_CACHE, largest=largest))
    async with connect(site.edge) as (reader, writer, served):
        writer.write(request("GET", "/", [(b"host", b"site")]))
        await wait_until_async(lambda: served.flow.write_paused, "the server waits for its client")
        async with asyncio.timeout(60):
            assert (await site.ask()).body == b"".join(chunks)
        assert served.flow.write_paused
        assert (await answer(reader))[2] == b"".join(chunks), "all of it, and in order"
        await settle()
        assert len(served.tasks) == 0


@pytest.mark.parametrize("headers", [MINUTE, MINUTE | {"content-length": "12"}, MINUTE | {"content-length": "5"}])
@pytest.mark.asgi
async def test_a_body_past_the_bound_is_passed_on_and_not_kept(headers):
    site = Site(Origin(headers=headers, chunks=[b"12345", b"6789", b"abc"]), replace(SHARED_CACHE, largest=10))
    for _ in range(2):
        assert (await site.ask()).body == b"123456789abc"
    assert site.origin.count == 2


async def test_lifespan_and_websockets_are_not_its_business():
    seen = []

    async def application(scope, receive, send):
        seen.append(scope["type"])

    site = Site(application)
    for kind in ("lifespan", "websocket"):
        await site.edge({"type": kind}, None, None)
    assert seen == ["lifespan", "websocket"]


async def test_interim_answers_go_on():
    async def application(scope, receive, send):
        await send({"type": "http.response.early_hint", "links": []})
        await send({"type": "http.response.start", "status": 200, "headers": pairs_of(MINUTE)})
        await send({"type": "http.response.body", "body": b"x"})

    sent, _, task = await begin_stream(Site(application))
    await task
    assert next(message["type"] for message in sent) == "http.response.early_hint"


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_burst_after_a_failed_first_answer_is_one_call(status):
    site = Site(Origin(status=status, headers={}))
    await site.ask()
    await settle()
    opened = asyncio.Event()
    site.origin.status, site.origin.headers, site.origin.before = 200, MINUTE, opened.wait
    asking = [asyncio.ensure_future(site.ask()) for _ in range(10)]
    await settle()
    opened.set()
    answers = await asyncio.gather(*asking)
    assert site.origin.count == 2, "the failed one, and one for the burst"
    assert {answer.body for answer in answers} == {b"hello"}


async def test_a_burst_after_an_exception_is_one_call():
    site = Site(Origin(error=RuntimeError("the first call fails")))
    with contextlib.suppress(RuntimeError):
        await site.ask()
    await settle()
    opened = asyncio.Event()
    site.origin.error, site.origin.before = None, opened.wait
    asking = [asyncio.ensure_future(site.ask()) for _ in range(10)]
    await settle()
    opened.set()
    await asyncio.gather(*asking)
    assert site.origin.count == 2


@pytest.mark.parametrize("headers", [{}, {"cache-control": "no-cache"}, {"cache-control": "max-age=0"}])
async def test_i8_what_may_answer_nobody_else_answers_nobody_who_waited(headers):
    """A response that says nothing of its lifetime may show its reader's cookie: those who waited ask themselves."""
    site, opened = held_site(headers=headers)
    asking = [asyncio.ensure_future(site.ask()) for _ in range(10)]
    await settle()
    opened.set()
    answers = await asyncio.gather(*asking)
    assert site.origin.count == 10
    assert not any("collapsed" in answer.cache_status for answer in answers)
