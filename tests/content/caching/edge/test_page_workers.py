"""A worker makes stale pages for the process that serves readers. Without one in time, that process makes them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import unquote

import pytest

from content.caching import expire, invalidate, refresh_queue
from content.caching.edge import SHARED_CACHE, EdgeCache, Request, handover
from content.caching.edge.handover import LONGEST_URL, describe_request
from content.caching.edge.page_worker import PageWorker
from content.caching.engines import create_engine
from content.caching.entry import NOWHERE
from content.caching.metrics.events import listen, total
from content.caching.read_counts import reads
from content.caching.refresh_queue import RefreshRequest
from tests.support.caches import with_a_log
from tests.support.edge import Origin, Response, Site, wait_for_tasks
from tests.support.wait import wait_until_async

HEADERS = {
    "cache-control": "max-age=600, stale-while-revalidate=600",
    "content-type": "text/html; charset=utf-8",
    "vary": "Accept-Language",
    "cache-tag": "text",
}
PROFILE = replace(
    SHARED_CACHE,
    visible_fields=frozenset({b"host", b"accept-language"}),
    makes_whole=True,
    personal_cookies=frozenset({"sessionid"}),
    hosts=lambda host: host == "site",
    sorts_parameters=True,
)
GERMAN = {"accept-language": "de", "user-agent": "a browser", "cookie": "theme=dark"}

pytestmark = with_a_log


class Greeting(Origin):
    """Says all that the application can know of a request."""

    async def __call__(self, scope, receive, send) -> None:
        fields = sorted((name, value) for name, value in scope["headers"] if not name.startswith(b"if-"))
        known = (scope["scheme"], scope["path"], scope["query_string"], scope["root_path"], fields)
        self.body = repr(known).encode() + self.said
        await super().__call__(scope, receive, send)

    said = b""


@pytest.fixture
def site(alias, clock) -> Site:
    site = Site(Greeting(HEADERS), PROFILE, cache=alias)
    site.forward = clock.forward
    site.edge.engine.clock = clock
    return site


@pytest.fixture
async def worker(alias, clock, site) -> AsyncIterator[EdgeCache]:
    """Another engine with the same application, as another process has it, that makes what is queued."""
    edge = EdgeCache(Greeting(HEADERS), profile=PROFILE, cache=alias)
    edge.origin._own = create_engine(alias)
    edge.engine.clock = clock
    work = asyncio.create_task(PageWorker(edge).work())
    nobodys = RefreshRequest("nobody's", "1", (), 0.0, NOWHERE)
    await wait_until_async(lambda: site.edge.engine.page_queue.add(nobodys), "the worker is there")
    yield edge
    while not work.done():
        # A cancellation can be lost while redis-py connects.
        work.cancel()
        await asyncio.wait({work}, timeout=0.2)
    edge.engine.ordering.log.stop(wait=False)


async def ask(site: Site, path: str = "/posts/a%20b/?b=2&a=1", **more) -> Response:
    scope = site.scope(path, GERMAN) | {"path": unquote(path.partition("?")[0]), "root_path": "", **more}
    return await site.call(scope)


async def make_stale(site: Site) -> Response:
    """The page as the process of the readers has made it, and then a change that expires it."""
    made = await ask(site)
    await wait_for_tasks(site)
    site.forward(1)
    await expire(["text"])
    return made


async def test_a_worker_makes_a_stale_page_byte_for_byte_as_the_server_would(site, worker):
    made = await make_stale(site)
    answer = await ask(site)
    assert (answer.is_hit, answer.body) == (True, made.body)
    await wait_for_tasks(site)
    assert (site.origin.count, worker.app.count) == (1, 1)
    again = await ask(site)
    assert "ttl=600; " in again["cache-status"]
    assert again.body == made.body
    own = {b"age", b"cache-status", b"date"}
    assert [pair for pair in again.fields.pairs if pair[0] not in own] == [
        pair for pair in made.fields.pairs if pair[0] not in own
    ]


@pytest.mark.parametrize("varies", [True, False])
async def test_a_reader_waits_for_no_page_that_a_worker_makes(site, worker, varies, monkeypatch):
    """The worker is slow, and ends after an edit that the reader's page shows."""
    if not varies:
        site.origin.headers = worker.app.headers = {name: text for name, text in HEADERS.items() if name != "vary"}
    gate = asyncio.Event()
    worker.app.before, scope = gate.wait, site.scope("/", GERMAN) | {"root_path": ""}
    monkeypatch.setattr(reads, "is_excluded", True)
    making = asyncio.create_task(worker.make(scope))
    while not worker.app.count:
        await asyncio.sleep(0)
    monkeypatch.setattr(reads, "is_excluded", False)
    site.origin.said = b"the edit"
    answers = await asyncio.gather(*(ask(site, "/") for _ in range(20)))
    assert all(answer.body.endswith(b"the edit") for answer in answers)
    assert site.origin.count == 1, "and waits for one load of its own process"
    await wait_for_tasks(site)
    gate.set()
    await making
    site.edge.engine.memory.clear()
    stored = (await site.edge.page_store.lookup_page(Request(scope), again=True)).page
    assert stored.body.endswith(b"the edit"), "what the worker made was dropped"


async def test_i11_a_page_that_is_being_made_outlives_a_caller_who_is_cancelled(site, worker):
    gate, scope = asyncio.Event(), site.scope("/", GERMAN) | {"root_path": ""}
    worker.app.before = gate.wait
    making = asyncio.create_task(worker.make(scope))
    while not worker.app.count:
        await asyncio.sleep(0)
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)
    gate.set()
    await asyncio.wait(set(worker.engine.loop_state().tasks))
    assert (await worker.page_store.lookup_page(Request(scope), again=True)).page is not None


async def test_without_a_worker_the_server_makes_it_at_once(site):
    await make_stale(site)
    with listen() as events:
        assert (await ask(site)).is_hit
        await wait_for_tasks(site)
        assert total(events, "late") == 0
    assert site.origin.count == 2


async def test_a_worker_that_dies_with_a_page_is_not_waited_for_for_ever(site, monkeypatch):
    monkeypatch.setattr(refresh_queue, "PRESENCE", 0.3)
    monkeypatch.setattr(handover, "WORKER_CHECKS", (0.01, 0.02))
    monkeypatch.setattr(handover, "_LATER_CHECKS", (0.05,) * 180)
    await make_stale(site)
    queue = site.edge.engine.page_queue
    await queue.take(1)
    with listen() as events:
        assert (await ask(site)).is_hit
        # It takes the page, and dies: its mark ends.
        await wait_until_async(queue.count, "the page is queued")
        assert len(await queue.take(1)) == 1
        await wait_for_tasks(site)
        assert total(events, "late") == 1
    assert site.origin.count == 2


async def test_stale_readers_are_served_while_a_worker_makes_the_page(site, worker):
    gate = asyncio.Event()
    worker.app.before = gate.wait
    await make_stale(site)
    for _ in range(5):
        assert (await ask(site)).is_hit
    await wait_until_async(lambda: worker.app.count, "the worker makes it")
    assert (await ask(site)).is_hit
    gate.set()
    await wait_for_tasks(site)
    assert (site.origin.count, worker.app.count) == (1, 1)


async def test_a_reader_who_must_wait_waits_for_no_worker(site, monkeypatch):
    """The page is handed over, and then invalidated: the next reader's process makes it."""
    monkeypatch.setattr(handover, "WORKER_CHECKS", (600.0,))
    await make_stale(site)
    await site.edge.engine.page_queue.take(1)
    assert (await ask(site)).is_hit
    await wait_until_async(site.edge.engine.page_queue.count, "the page is queued")
    site.origin.said = b" anew"
    await invalidate(["text"])
    async with asyncio.timeout(10):
        answer = await ask(site)
    assert answer.body.endswith(b" anew")
    await wait_for_tasks(site)


async def test_a_page_that_is_new_already_is_not_made_again(site, worker):
    await ask(site)
    await wait_for_tasks(site)
    request = Request(site.scope("/posts/a%20b/?a=1&b=2", GERMAN) | {"root_path": ""})
    parameters = describe_request(site.edge.origin, request.as_plain_get())
    message = RefreshRequest("page", "1", parameters, site.edge.engine.clock() - 100, NOWHERE)
    await PageWorker(worker).make_batch([message])
    assert worker.app.count == 0


async def test_an_error_of_one_page_ends_no_work_on_others(site, worker):
    worker.app.error = RuntimeError("broken")
    message = RefreshRequest("page", "1", ("http://site/", ()), 0.0, NOWHERE)
    await PageWorker(worker).make_batch([message])
    worker.app.error = None
    await PageWorker(worker).make_batch([message])
    assert await worker.fresh_for(site.scope("/", {})) > 0


def test_i8_the_queue_has_nothing_of_a_reader(site):
    request = Request(site.scope("/?a=1", GERMAN) | {"root_path": ""}).as_plain_get()
    assert describe_request(site.edge.origin, request) == ("http://site/?a=1", (("accept-language", "de"),))


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"visible_fields": None}, {}),
        ({"visible_fields": frozenset({b"host", b"cookie"})}, {}),
        ({}, {"root_path": "/mounted"}),
        ({}, {"raw_path": b"/" + b"x" * LONGEST_URL}),
    ],
    ids=["the application sees all", "it sees cookies", "mounted", "long"],
)
def test_what_the_queue_does_not_describe_is_made_here(site, changes, more):
    site.edge.origin.profile = replace(PROFILE, **changes)
    request = Request(site.scope("/", GERMAN) | {"root_path": "", **more})
    assert describe_request(site.edge.origin, request) is None


@pytest.mark.parametrize(
    "parameters",
    [
        (),
        ("http://site/",),
        ("http://site/", (("cookie", "sessionid=x"),)),
        ("http://site/", (("authorization", "x"),)),
        ("http://site/", (("host", "evil"),)),
        ("http://site/", (("x-forwarded-for", "x"),)),
        ("http://site/", (("accept-language", "x" * 1000),)),
        ("http://site/", (("accept-language", "de"),) * 9),
        ("http://site/", (("accept-language",),)),
        ("http://site/", 7),
        (7, ()),
        ("http://evil/", ()),
        ("http://site:x/", ()),
        ("http://si te/", ()),
        ("http://SITE/", ()),
        ("site", ()),
        ("", ()),
        ("http://site/?b=1&a=2", ()),
        ("http://site/\u00e4", ()),
        ("http://site/" + "x" * LONGEST_URL, ()),
    ],
    ids=repr,
)
def test_what_no_reader_can_have_asked_is_made_by_no_worker(site, parameters):
    assert PageWorker(site.edge).parse(parameters) is None


async def test_i9_anything_on_the_queue_leaves_the_worker_at_work(site, worker):
    requests = [
        RefreshRequest(resource, schema, parameters, 0.0, NOWHERE)
        for resource in ("page", "codings", "other")
        for schema in ("1", "2")
        for parameters in ((), ("x",), (1,), ("http://evil/", ()), ("page@1:http://site/none",))
    ]
    await PageWorker(worker).make_batch(requests)
    assert worker.app.count == 0
