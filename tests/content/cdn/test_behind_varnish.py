"""A real Varnish in front: the pages that it stores, and the invalidations that reach it."""

import asyncio

import httpx
import pytest

from content.caching import expire, invalidate
from content.caching.engines import engine_of
from content.caching.ordering.tag_index import Kind
from content.cdn.cdn import NotPurged
from content.cdn.providers import Varnish
from tests.content.cdn.conftest import await_checkpoint, catch_up, checkpoints_for, follower_for, run_follower
from tests.support.servers.process import free_port
from tests.support.wait import wait_until_async

pytestmark = pytest.mark.timeout(150)


async def write(reader, name: str, body: str, *tags: str, soft: bool = False) -> None:
    reader.posts.bodies[name] = body
    await (expire if soft else invalidate)(tags or [f"post:{name}"])


async def test_varnish_serves_a_stored_page_without_a_request_to_the_site(reader):
    await reader.reads("a")
    before = len(reader.posts.requested)
    assert await reader.read("a") == ("first a", True)
    assert len(reader.posts.requested) == before == 1


async def test_a_write_purges_only_the_page_that_shows_it(reader, follower):
    await reader.reads("a", "b")
    await write(reader, "a", "second a")
    await reader.sees("a", "second a")
    assert await reader.read("b") == ("first b", True)


async def test_a_tag_of_several_pages_purges_all_of_them(reader, follower):
    await reader.reads("a", "b")
    reader.posts.bodies["b"] = "second b"
    await write(reader, "a", "second a", "posts")
    await reader.sees("a", "second a")
    await reader.sees("b", "second b")


@pytest.mark.parametrize("tag", ["path:/a", "resource:page", "resource:cdn-post"])
async def test_tags_of_purge_cache_reach_varnish(reader, follower, tag):
    await reader.reads("a")
    await write(reader, "a", "second a", tag, "post:a")
    await reader.sees("a", "second a")


async def test_an_expired_page_is_stale_in_varnish_and_fetched_again(reader, follower):
    await reader.reads("a")
    await write(reader, "a", "second a", soft=True)
    await reader.sees("a", "second a")


async def test_a_soft_purge_keeps_a_stale_page_and_a_hard_one_does_not(reader, varnish):
    """Varnish serves the stale page while it fetches the new one."""
    cdn = Varnish([varnish.place])
    await reader.reads("a", "b")
    reader.posts.gate = asyncio.Event()
    await cdn.purge(["post:a"], soft=True)
    assert await reader.read("a") == ("first a", True)
    await cdn.purge(["post:b"], soft=False)
    assert (await reader.read("b"))[1] is False
    await cdn.close()


async def test_tags_with_any_characters_are_purged(reader, follower):
    name = 'ä, b c"d'
    await reader.reads(name)
    await write(reader, name, "second")
    await reader.sees(name, "second")


async def test_a_page_expires_in_varnish_when_it_expires_here(reader):
    """Varnish subtracts the Age that the page had when it was fetched."""
    reader.posts.lifetime = "max-age=3"
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{reader.port}") as past:

        async def age() -> int:
            response = await past.get("/old", headers={"host": reader.client.base_url.netloc.decode()})
            return int(response.headers["age"])

        async def is_old() -> bool:
            return await age() >= 2

        await wait_until_async(is_old, "the page is two seconds old")
    assert await reader.read("old") == ("first old", False)
    assert await reader.read("old") == ("first old", True)

    async def is_miss() -> bool:
        return not (await reader.read("old"))[1]

    await wait_until_async(is_miss, "Varnish drops the page", 10)


async def test_requests_with_a_session_bypass_varnish(reader):
    await reader.reads("a")
    assert (await reader.read("a", {"cookie": "sessionid=x"}))[1] is False
    assert (await reader.read("a", {"cookie": "other=x"}))[1] is True


async def test_a_purge_without_tags_is_refused(varnish):
    async with httpx.AsyncClient(base_url=varnish.url) as client:
        assert (await client.request("PURGE", "/a")).status_code == 400


# --- no purge is lost --------------------------------------------------------------------------------------------


async def test_i1_a_response_that_crosses_the_purge_is_purged_again(reader, varnish, monkeypatch):
    """1. Another process writes. 2. Varnish is purged, and asks a process that missed the record. 3. It reads it."""
    await catch_up(Varnish([varnish.place]))
    await reader.reads("a")
    reader.posts.bodies["a"] = "second a"
    async with run_follower(follower_for(Varnish([varnish.place]), repeat_after=0.5)) as follower:
        with monkeypatch.context() as patched:
            patched.setattr(engine_of("default").ordering.tag_index, "apply", lambda records: None)
            await follower.stream.aappend(Kind.INVALIDATE, ["post:a"], "another's")
            async with asyncio.timeout(40):
                while (await reader.read("a"))[1]:
                    await asyncio.sleep(0.001)
            assert await reader.read("a") == ("first a", True)
        await reader.sees("a", "second a")


async def test_writes_while_no_follower_ran_are_purged_by_the_next(reader, varnish):
    await catch_up(Varnish([varnish.place]))
    await reader.reads("a", "b")
    await write(reader, "a", "second a")
    assert await reader.read("a") == ("first a", True)
    await catch_up(Varnish([varnish.place]))
    assert (await reader.read("a"))[0] == "second a"
    assert await reader.read("b") == ("first b", True)


class HangingVarnish(Varnish):
    """Its purge never returns. `sends`: whether Varnish gets the request."""

    def __init__(self, address: str, *, sends: bool) -> None:
        super().__init__([address])
        self.sends = sends
        self.hangs = asyncio.Event()

    async def purge(self, tags, *, soft: bool) -> None:
        if self.sends:
            await super().purge(tags, soft=soft)
        self.hangs.set()
        await asyncio.Event().wait()


async def skip_release(keys) -> None:
    """A killed process does not release its lease."""


@pytest.mark.parametrize("sends", [False, True])
async def test_a_killed_follower_has_a_successor(reader, varnish, sends):
    await catch_up(Varnish([varnish.place]))
    await reader.reads("a", "b")
    before = await checkpoints_for().read()
    killed = follower_for(HangingVarnish(varnish.place, sends=sends), lease=0.5)
    killed.lease.release = skip_release
    async with run_follower(killed):
        await write(reader, "a", "second a")
        await killed.cdn.hangs.wait()
    assert await checkpoints_for().read() == before
    async with run_follower(follower_for(Varnish([varnish.place]))):
        await reader.sees("a", "second a")
        await await_checkpoint(before)
    assert await reader.read("b") == ("first b", True)


async def test_only_one_of_two_followers_runs(posts, varnish):
    one, other = (follower_for(Varnish([varnish.place])) for _ in range(2))
    assert await one.lease.take([one.checkpoints.lease_key])
    await other.catch_up(1)
    assert await other.checkpoints.read() is None
    await one.lease.release([one.checkpoints.lease_key])
    await other.catch_up(5)
    assert await other.checkpoints.read() is not None
    for follower in (one, other):
        await follower.cdn.close()


async def test_a_cdn_that_is_down_misses_no_purge_and_delays_nobody(reader, varnish):
    await catch_up(Varnish([varnish.place]))
    await reader.reads("a", "b", "c")
    before = await checkpoints_for().read()
    # A port without a listener.
    cdn = Varnish([f"127.0.0.1:{free_port()}"])
    async with run_follower(follower_for(cdn)):
        async with asyncio.timeout(10):
            await write(reader, "a", "second a")
            await write(reader, "b", "second b")
            assert await reader.read("a") == ("first a", True)
        with pytest.raises(NotPurged):
            await cdn.purge(["post:a"], soft=False)
        assert await checkpoints_for().read() == before
        await cdn.close()
        cdn.clients = Varnish([varnish.place]).clients
        await reader.sees("a", "second a")
        await reader.sees("b", "second b")
        assert await reader.read("c") == ("first c", True)


async def test_another_epoch_of_the_log_purges_everything(reader, follower, redis_server):
    await reader.reads("a", "b")
    reader.posts.bodies["b"] = "second b"
    with redis_server.client() as client:
        client.flushall()
    await reader.sees("b", "second b")
    await await_checkpoint()
