"""A real Varnish in front: what it keeps, and what reaches it of an invalidation."""

import asyncio

import httpx
import pytest

from content.caching import expire, invalidate
from content.caching.engines import engine_of
from content.caching.ordering.tag_index import Kind
from content.cdn.cdn import NotPurged
from content.cdn.varnish import Varnish
from tests.content.cdn.conftest import caught_up, follower_for, following, marked, place_for
from tests.support.servers.process import free_port
from tests.support.wait import wait_until_async

pytestmark = pytest.mark.timeout(150)


async def written(reader, name: str, body: str, *tags: str, soft: bool = False) -> None:
    reader.posts.bodies[name] = body
    await (expire if soft else invalidate)(tags or [f"post:{name}"])


async def test_varnish_answers_without_asking(reader):
    await reader.reads("a")
    before = len(reader.posts.asked)
    assert await reader.read("a") == ("first a", True)
    assert len(reader.posts.asked) == before == 1


async def test_a_write_ends_the_page_that_shows_it_and_no_other(reader, follower):
    await reader.reads("a", "b")
    await written(reader, "a", "second a")
    await reader.sees("a", "second a")
    assert await reader.read("b") == ("first b", True)


async def test_a_tag_of_several_pages_ends_them_all(reader, follower):
    await reader.reads("a", "b")
    reader.posts.bodies["b"] = "second b"
    await written(reader, "a", "second a", "posts")
    await reader.sees("a", "second a")
    await reader.sees("b", "second b")


@pytest.mark.parametrize("tag", ["path:/a", "resource:page", "resource:cdn-post"])
async def test_what_purge_cache_names_reaches_it(reader, follower, tag):
    await reader.reads("a")
    await written(reader, "a", "second a", tag, "post:a")
    await reader.sees("a", "second a")


async def test_what_was_expired_is_stale_in_varnish_and_made_again(reader, follower):
    await reader.reads("a")
    await written(reader, "a", "second a", soft=True)
    await reader.sees("a", "second a")


async def test_soft_and_hard_are_told_apart(reader, varnish):
    """A soft purge leaves what is served while Varnish asks again; a hard one nothing."""
    cdn = Varnish([varnish.place])
    await reader.reads("a", "b")
    reader.posts.gate = asyncio.Event()
    await cdn.purge(["post:a"], soft=True)
    assert await reader.read("a") == ("first a", True)
    await cdn.purge(["post:b"], soft=False)
    assert (await reader.read("b"))[1] is False
    await cdn.close()


async def test_tags_of_any_signs_are_purged_by_what_was_sent(reader, follower):
    name = 'ä, b c"d'
    await reader.reads(name)
    await written(reader, name, "second")
    await reader.sees(name, "second")


async def test_the_page_ends_in_varnish_when_it_ends_here(reader):
    """Its Age counts: some of its time was over when Varnish got it."""
    reader.posts.lasts = "max-age=3"
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


async def test_whoever_is_somebody_goes_past_varnish(reader):
    await reader.reads("a")
    assert (await reader.read("a", {"cookie": "sessionid=x"}))[1] is False
    assert (await reader.read("a", {"cookie": "other=x"}))[1] is True


async def test_strangers_purge_nothing_and_nobody_gets_by_without_a_tag(varnish):
    async with httpx.AsyncClient(base_url=varnish.url) as client:
        assert (await client.request("PURGE", "/a")).status_code == 400


# --- what must not be missed -------------------------------------------------------------------------------------


async def test_i1_an_answer_that_crosses_the_purge_does_not_stay(reader, varnish, monkeypatch):
    """1. Another process writes. 2. Varnish is purged, and asks one of ours that is deaf. 3. That one hears of it."""
    await caught_up(Varnish([varnish.place]))
    await reader.reads("a")
    reader.posts.bodies["a"] = "second a"
    async with following(follower_for(Varnish([varnish.place]), again=0.5)) as follower:
        with monkeypatch.context() as patched:
            patched.setattr(engine_of("default").ordering.tag_index, "apply", lambda records: None)
            await follower.stream.aappend(Kind.INVALIDATE, ["post:a"], "another's")
            async with asyncio.timeout(40):
                while (await reader.read("a"))[1]:
                    await asyncio.sleep(0.001)
            assert await reader.read("a") == ("first a", True)
        await reader.sees("a", "second a")


async def test_what_was_written_while_no_follower_ran_is_purged_by_the_next(reader, varnish):
    await caught_up(Varnish([varnish.place]))
    await reader.reads("a", "b")
    await written(reader, "a", "second a")
    assert await reader.read("a") == ("first a", True)
    await caught_up(Varnish([varnish.place]))
    assert (await reader.read("a"))[0] == "second a"
    assert await reader.read("b") == ("first b", True)


class Dying(Varnish):
    """The follower dies when it purges: before, or after the CDN was told."""

    def __init__(self, place: str, *, told: bool) -> None:
        super().__init__([place])
        self.told = told
        self.has_died = asyncio.Event()

    async def purge(self, tags, *, soft: bool) -> None:
        if self.told:
            await super().purge(tags, soft=soft)
        self.has_died.set()
        await asyncio.Event().wait()


async def kept(keys) -> None:
    """In place of a lease's release: who is killed gives nothing back."""


@pytest.mark.parametrize("told", [False, True])
async def test_a_follower_that_is_killed_half_way_is_followed_by_another(reader, varnish, told):
    await caught_up(Varnish([varnish.place]))
    await reader.reads("a", "b")
    before = await place_for().read()
    killed = follower_for(Dying(varnish.place, told=told), lease=0.5)
    killed.lease.release = kept
    async with following(killed):
        await written(reader, "a", "second a")
        await killed.cdn.has_died.wait()
    assert await place_for().read() == before
    async with following(follower_for(Varnish([varnish.place]))):
        await reader.sees("a", "second a")
        await marked(before)
    assert await reader.read("b") == ("first b", True)


async def test_only_one_of_two_followers_is_at_work(posts, varnish):
    one, other = (follower_for(Varnish([varnish.place])) for _ in range(2))
    assert await one.lease.take([one.place.lease_key])
    await other.catch_up(1)
    assert await other.place.read() is None
    await one.lease.release([one.place.lease_key])
    await other.catch_up(5)
    assert await other.place.read() is not None
    for follower in (one, other):
        await follower.cdn.close()


async def test_a_cdn_that_is_away_misses_nothing_and_holds_nobody_up(reader, varnish):
    await caught_up(Varnish([varnish.place]))
    await reader.reads("a", "b", "c")
    before = await place_for().read()
    # Nobody listens there.
    cdn = Varnish([f"127.0.0.1:{free_port()}"])
    async with following(follower_for(cdn)):
        async with asyncio.timeout(10):
            await written(reader, "a", "second a")
            await written(reader, "b", "second b")
            assert await reader.read("a") == ("first a", True)
        with pytest.raises(NotPurged):
            await cdn.purge(["post:a"], soft=False)
        assert await place_for().read() == before
        await cdn.close()
        cdn.apis = Varnish([varnish.place]).apis
        await reader.sees("a", "second a")
        await reader.sees("b", "second b")
        assert await reader.read("c") == ("first c", True)


async def test_another_epoch_of_the_log_ends_everything(reader, follower, redis_server):
    await reader.reads("a", "b")
    reader.posts.bodies["b"] = "second b"
    with redis_server.client() as client:
        client.flushall()
    await reader.sees("b", "second b")
    await marked()
