"""Anonymous and non-staff visitors get nothing from the WebSockets of /ops/, and hostile messages are refused."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from content.ops.live.protocol import MOST_FRAGMENTS

pytestmark = pytest.mark.long

PATHS = ("/ops/live/", "/ops/presence/?post=1&since=1")
CLOSE_SECONDS = 60.0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("name", "status"), [("", 403), ("reader", 403), ("ann", 101)])
async def test_only_staff_get_a_websocket(site, path, name, status):
    assert await site.status_of(name, path) == status


async def test_a_session_that_nobody_has_is_refused(site):
    assert await site.status_of("", headers={"Cookie": "sessionid=" + "a" * 32}) == 403
    assert await site.status_of("", headers={"Cookie": 'sessionid="; drop'}) == 403


async def test_other_paths_are_refused(site):
    for path in ("/", "/ops/", "/ops/live", "/ops/live/x", "/admin/", "//ops/live/", "/ops/%6Cive/../x"):
        assert await site.status_of("ann", path) == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1", "ftp://127.0.0.1", "x" * 5000]
)
async def test_pages_of_other_origins_are_refused(site, origin):
    assert await site.status_of("ann", origin=origin) == 403


async def test_a_browser_says_which_page_opens_it(site):
    assert await site.status_of("ann", origin=None) == 403


async def test_a_host_that_is_not_ours_is_refused(site):
    # As a page whose name an attacker has pointed to this address (DNS rebinding).
    evil = {"Host": "evil.example"}
    assert await site.status_of("ann", origin="http://evil.example", headers=evil) == 403


@pytest.mark.parametrize(
    "message",
    [
        "",
        "no json",
        "[]",
        "1",
        '{"kind":"purge"}',
        '{"kind":"pause","x":1}',
        b"\x00\xff",
        b"{}",
        "[" * 2000,
        '"\\ud800"',
    ],
)
async def test_a_message_that_is_none_of_ours_closes(site, message):
    async with site.connect("ann") as client:
        await client.connection.send(message)
        assert await client.code() == 1008


async def test_a_huge_message_closes(site):
    async with site.connect("ann", compression=None) as client:
        await client.connection.send("x" * 5000)
        assert await client.code() == 1009


async def test_a_message_that_grows_when_it_is_unpacked_closes(site):
    async with site.connect("ann") as client:
        await client.connection.send("x" * 1_000_000)
        assert await client.code() == 1009


async def test_a_message_of_many_fragments_closes(site):
    """The client ends with an empty fragment, the one too many. So no bytes stay unread, which would be a reset."""
    for fragments, code in ((MOST_FRAGMENTS - 1, 1008), (MOST_FRAGMENTS, 1009)):
        async with site.connect("ann") as client:
            await client.connection.send([""] * fragments)
            assert await client.code() == code


async def test_a_flood_of_messages_closes(site):
    async with site.connect("ann") as client:
        for _ in range(100):
            await client.send({"kind": "pause"})
        assert await client.code() == 4429


async def test_frames_before_the_handshake_has_ended_harm_nobody(site):
    host = site.service.url.removeprefix("http://")
    cookie, key = f"sessionid={site.sessions['ann']}", "MDEyMzQ1Njc4OWFiY2RlZg=="
    head = (
        f"GET /ops/live/ HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {cookie}\r\n"
        f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    name, port = host.split(":")
    for garbage in (b"\xff" * 100, b"\x89\x80\0\0\0\0" * 1000, b"GET / HTTP/1.1\r\n\r\n"):
        reader, writer = await asyncio.open_connection(name, int(port))
        writer.write(head.encode())
        await writer.drain()
        writer.write(garbage)
        writer.close()
        await reader.read()
    assert await site.status_of("ann") == 101
    assert "Traceback" not in site.service.terminal


CHANGES = """
from django.contrib.auth.models import User
from project.sessions import SessionStore
SessionStore("{session}").flush()
User.objects.filter(username="staff1").update(is_staff=False)
User.objects.filter(username="staff2").update(is_active=False)
user = User.objects.get(username="staff3")
user.set_password("another")
user.save()
"""


async def test_who_logs_out_or_is_no_staff_any_more_is_closed(site):
    """Within seconds: a logout, a lost right, a locked account, another password. The session is of no use again."""
    names = [f"staff{number}" for number in range(5)]
    async with AsyncExitStack() as stack:
        clients = {name: await stack.enter_async_context(site.connect(name)) for name in names}
        for client in clients.values():
            assert (await client.next())["kind"] == "history"
        await asyncio.to_thread(site.run, CHANGES.format(session=site.sessions["staff0"]))
        async with asyncio.timeout(CLOSE_SECONDS):
            assert [await clients[name].code() for name in names[:4]] == [4403] * 4
        # Nothing has changed for the last one.
        await clients[names[4]].next_of("state")
    assert [await site.status_of(name) for name in names] == [403] * 4 + [101]


async def test_a_user_has_so_many_websockets_of_a_process_and_no_more(site):
    """Both processes together have twice as many."""
    async with asyncio.TaskGroup() as group:
        enough, tasks = asyncio.Event(), []

        async def hold() -> int:
            try:
                async with site.connect("bob", compression=None) as client:
                    await client.next()
                    opened.append(1)
                    await enough.wait()
            except Exception as error:
                return getattr(getattr(error, "response", None), "status_code", 0)
            return 101

        opened: list[int] = []
        tasks = [group.create_task(hold()) for _ in range(140)]
        done = 0
        while len(opened) + done < 140:
            await asyncio.sleep(0.05)
            done = sum(task.done() for task in tasks)
        enough.set()
    statuses = sorted(task.result() for task in tasks)
    assert statuses.count(429) >= 140 - 2 * 64
    assert statuses.count(101) <= 2 * 64
    assert set(statuses) == {101, 429}


WRONG_FORMS = ("", "?post=x&since=1", "?post=1", "?post=-1&since=1", "?post=1&since=nan", f"?post={10**30}&since=1")


async def test_a_form_that_cannot_be_is_refused(site):
    for query in WRONG_FORMS:
        async with site.connect("ann", "/ops/presence/" + query) as client:
            assert await client.code() == 1008


async def test_staff_who_may_not_edit_posts_do_not_see_their_editors(site):
    async with site.connect("watcher", PATHS[1]) as client:
        assert await client.code() == 4403
    async with site.connect("watcher") as client:
        assert (await client.next())["kind"] == "history"
