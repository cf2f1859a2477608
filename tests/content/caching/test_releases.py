"""I18: two releases on one cache never read each other's entries. An invalidation reaches both."""

import time
from collections.abc import Callable

import msgspec
import pytest
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.template import Context, engines
from django.test import RequestFactory

from content.caching import Policy, Resource, declarations, invalidate
from content.caching import old_releases as old_releases_module
from content.caching.edge import cache_page
from content.caching.edge.page import url_key, url_tag
from content.caching.edge.page_store import path_tag
from content.caching.engines import create_engine, engine_of
from content.caching.entry import NOWHERE
from content.caching.fragments.rendering import render_with_fragments
from content.caching.old_releases import remove_old_releases
from content.caching.refresh_queue import RefreshRequest
from content.caching.release import digest_of, release_digest
from content.caching.release_registry import NO_RELEASE, Announced, announce_release, own_kinds, registries
from tests.support.edge import Origin, Site, wait_for_tasks
from tests.support.service import clean_environment
from tests.support.warm_python import run_warm

HOUR = Policy(ttl="1h", stale_ttl="1h")
REDIS = pytest.mark.parametrize("alias", ["redis"], indirect=True)
BOTH = pytest.mark.parametrize("alias", ["redis", "locmem"], indirect=True)


@pytest.fixture
def become(settings, alias) -> Callable[[str], None]:
    """Go on as a process of that release, which has nothing in memory."""

    def change(release: str) -> None:
        settings.CACHE_RELEASE = release
        if memory := engine_of(alias).memory:
            memory.clear()

    change("a")
    return change


async def ask(alias: str, clock, origin: Origin, path: str = "/") -> str:
    site = Site(origin, cache=alias)
    site.edge.engine.clock = clock
    answer = await site.ask(path)
    await wait_for_tasks(site)
    return "hit" if answer.is_hit else "made"


def list_keys(alias: str) -> list[str]:
    return [key.decode() for key in caches[alias].servers[0].sync_client().scan_iter()]


@BOTH
def test_the_setting_is_text_or_a_function(settings, alias):
    settings.CACHE_RELEASE = "a"
    assert release_digest() == digest_of("a")
    settings.CACHE_RELEASE = lambda: "b"
    assert release_digest() == digest_of("b")
    settings.CACHE_RELEASE = ""
    assert url_key("http://site/") == url_tag("http://site/") == "page@1:http://site/"


@BOTH
async def test_i18_a_page_of_another_release_is_not_served(alias, clock, become):
    origin = Origin()
    assert [await ask(alias, clock, origin) for _ in range(2)] == ["made", "hit"]
    become("b")
    assert [await ask(alias, clock, origin) for _ in range(2)] == ["made", "hit"]
    become("a")
    assert await ask(alias, clock, origin) == "hit"


@REDIS
@pytest.mark.parametrize(
    "headers",
    [
        {"cache-control": "max-age=60"},
        {"cache-control": "max-age=60", "vary": "accept-language"},
        {"cache-control": "no-store"},
    ],
    ids=["page", "variant", "hit-for-miss"],
)
async def test_i18_everything_that_is_stored_for_a_url_has_the_release(alias, clock, become, headers):
    await ask(alias, clock, Origin(headers=headers))
    found = [key for key in list_keys(alias) if "page@" in key]
    assert found
    assert all(f"page@1.{digest_of('a')}:" in key for key in found)


@BOTH
@pytest.mark.parametrize("tag", ["resource:page", path_tag("/"), url_tag("http://site/")])
async def test_an_invalidation_reaches_the_pages_of_all_releases(alias, clock, become, tag):
    origin = Origin()
    await ask(alias, clock, origin)
    become("b")
    await invalidate([tag])
    become("a")
    assert await ask(alias, clock, origin) == "made"


@BOTH
def test_i18_a_view_with_a_cache_of_its_own(alias, become):
    calls: list[int] = []

    @cache_page(ttl=60, cache=alias)
    def view(request: HttpRequest) -> HttpResponse:
        calls.append(1)
        return HttpResponse("text")

    for release in ("a", "b", "a"):
        become(release)
        for _ in range(2):
            view(RequestFactory().get("/")).close()
    assert len(calls) == 2


@BOTH
async def test_i18_a_fragment(alias, become):
    template = engines["django"].from_string(
        '{% load fragments %}{% fragment "part" ttl=60 %}{{ text }}{% endfragment %}'
    )
    texts = []
    for release in ("a", "b", "a"):
        become(release)
        texts.append(await render_to_string_of(template, release))
    assert texts == ["a", "b", "a"]


async def render_to_string_of(template, text: str) -> str:
    async def render() -> str:
        return template.template.render(Context({"text": text}))

    return await render_with_fragments(render)


# --- documents -------------------------------------------------------------------------------------------


class Old(msgspec.Struct, frozen=True):
    title: str


class New(msgspec.Struct, frozen=True):
    title: str
    year: int = 0


async def load_old(pk: int) -> Old:
    return Old("old")


async def load_new(pk: int) -> New:
    return New("new", 1)


def two_resources(**options) -> tuple[Resource, Resource]:
    """As two releases declare it."""
    return (
        Resource("thing", load=load_old, policy=HOUR, declared=False, **options),
        Resource("thing", load=load_new, policy=HOUR, declared=False, **options),
    )


@BOTH
async def test_i18_a_document_of_another_shape_is_not_read(alias):
    old, new = two_resources()
    assert (await old.get(1), await new.get(1)) == (Old("old"), New("new", 1))
    assert (await old.get(1), await new.get(1)) == (Old("old"), New("new", 1))


@BOTH
async def test_i18_a_document_with_the_tags_of_another_rule_is_not_read(alias):
    """Else a change with the new tag would not end it."""
    old = Resource("thing", load=load_old, policy=HOUR, declared=False, tags=lambda pk: ("things",))
    new = Resource("thing", load=load_old, policy=HOUR, declared=False, tags=lambda pk: ("things", f"thing:{pk}"))
    await old.get(1)
    await new.get(1)
    await invalidate(["thing:1"])
    assert await new.fresh_for(1) == 0
    assert await old.fresh_for(1) > 0


@BOTH
async def test_an_entry_without_declared_tags_is_invalidated_in_all_releases(alias):
    old, new = two_resources()
    await old.get(1)
    await new.invalidate(1)
    assert await old.fresh_for(1) == 0


# --- the refresh queue --------------------------------------------------------------------------------------


@REDIS
async def test_a_worker_loads_no_key_of_another_release(alias, source):
    async def load(pk: int) -> int:
        return await source.load(pk)

    source.values[1] = 1
    book = Resource("book2", load=load, policy=HOUR)
    refresher = engine_of(alias).refresher
    others = RefreshRequest("book2", "abcdefgh", (1,), 0.0, NOWHERE)
    assert await refresher.refresh_batch([others]) == 0
    assert source.loads == []
    assert await refresher.refresh_batch([RefreshRequest("book2", book.schema, (1,), 0.0, NOWHERE)]) == 1


@REDIS
async def test_each_release_has_a_queue_of_its_own(alias, become, settings):
    request = RefreshRequest("book2", "abcdefgh", (1,), 0.0, NOWHERE)
    ours = create_engine(alias).refresher.queue
    settings.CACHE_RELEASE = "b"
    theirs = create_engine(alias).refresher.queue
    assert await theirs.take(1) == []
    assert await theirs.add(request)
    assert not await ours.add(request), "no worker of this release is there"
    assert await ours.take(10) == []
    assert await theirs.take(10) == [request]


# --- old releases ---------------------------------------------------------------------------------------------


def announce_as_old(alias: str, release: str, kinds: frozenset[str], age: float) -> None:
    registry = registries[caches[alias].key_prefix]
    with registry.server.sync_client() as client:
        client.hset(registry.key, digest_of(release), msgspec.msgpack.encode(Announced(time.time() - age, kinds)))


@REDIS
async def test_entries_that_only_an_old_release_reads_are_removed(alias, clock, become):
    both, old = Resource("both", load=load_new, policy=HOUR), Resource("old", load=load_old, policy=HOUR)
    for each in (both, old):
        await each.get(1)
    await caches[alias].aset("me@example:of another program", 1)
    await ask(alias, clock, Origin())
    kinds = frozenset({f"page@1.{digest_of('a')}", f"old@{old.schema}", f"both@{both.schema}"})
    become("b")
    await ask(alias, clock, Origin())
    announce_as_old(alias, "a", kinds, 60)
    del declarations.resources["old"]
    assert remove_old_releases() == 0
    announce_as_old(alias, "a", kinds, 2 * old_releases_module.KEPT)
    declarations.kinds.discard(f"page@1.{digest_of('a')}")
    assert remove_old_releases() == 2
    left = "\n".join(list_keys(alias))
    assert f"both@{both.schema}:1" in left
    assert f"page@1.{digest_of('b')}:" in left
    assert "me@example:" in left
    assert "old@" not in left
    assert f"page@1.{digest_of('a')}:" not in left
    assert digest_of("a") not in registries[caches[alias].key_prefix].read()


def announced(**ages: float) -> dict[str, Announced]:
    """Releases by the seconds since they were last announced."""
    return {name: Announced(1e9 - age, frozenset()) for name, age in ages.items()}


@pytest.mark.parametrize(
    ("ages", "is_full", "old"),
    [
        # This release and the one before it: kept for a rollback, for an hour.
        ({"own": 0, "n": 1800}, False, ""),
        ({"own": 0, "n": 3601}, False, "n"),
        ({"n": 1800}, False, ""),
        # Two that have ended: the newer is kept.
        ({"own": 0, "m": 1800, "n": 600}, False, "m"),
        # Two that live, as in a deploy: none besides them is kept.
        ({"own": 0, "n": 60, "m": 200}, False, "m"),
        ({"own": 0, "n": 60, "m": 170}, False, ""),
        # Redis is short of memory: none that has ended.
        ({"own": 0, "n": 200}, True, "n"),
        ({"own": 0, "n": 170}, True, ""),
        ({"own": 9999}, True, ""),
    ],
)
def test_two_releases_are_kept_at_most(ages, is_full, old):
    found = old_releases_module.find_old(announced(**ages), "own", 1e9, is_full=is_full)
    assert found == set(old.split())


@REDIS
async def test_an_ended_release_makes_room_when_redis_is_short_of_memory(alias, clock, become):
    await ask(alias, clock, Origin())
    become("b")
    await ask(alias, clock, Origin())
    announce_as_old(alias, "a", frozenset({f"page@1.{digest_of('a')}"}), 600)
    declarations.kinds.discard(f"page@1.{digest_of('a')}")
    assert remove_old_releases() == 0
    with caches[alias].servers[0].sync_client() as client:
        client.config_set("maxmemory", int(client.info("memory")["used_memory"] / 0.85))
        try:
            assert remove_old_releases() == 1
        finally:
            client.config_set("maxmemory", 0)
    assert await ask(alias, clock, Origin()) == "hit"


@REDIS
def test_a_process_announces_its_release(alias, become):
    engine_of(alias)
    announce_release()
    registry = registries[caches[alias].key_prefix]
    assert registry.read()[digest_of("a")].kinds == own_kinds()
    assert registry.read()[digest_of("a")].name == "a"
    with registry.server.sync_client() as client:
        client.hset(registry.key, "alien", b"\xc1")
    assert set(registry.read()) == {digest_of("a")}
    become("")
    announce_release()
    assert NO_RELEASE in registry.read()


@BOTH
def test_without_redis_entries_expire(alias, become):
    if alias != "redis":
        assert remove_old_releases() == 0


WITHOUT_DJANGO = """
import asyncio
from content.caching.edge import EdgeCache

async def app(scope, receive, send):
    headers = [(b"cache-control", b"max-age=60"), (b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"page"})

async def main():
    edge = EdgeCache(app)
    scope = {"type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/", "raw_path": b"/",
             "query_string": b"", "headers": [(b"host", b"site")], "client": None, "server": ("site", 80)}
    for _ in range(2):
        sent = []
        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}
        async def send(message):
            sent.append(message)
        await edge(scope, receive, send)
        print(dict(sent[0]["headers"])[b"cache-status"].decode().split(";")[1])

asyncio.run(main())
"""


def test_an_edge_before_another_application_needs_no_settings():
    done = run_warm(["-c", WITHOUT_DJANGO], clean_environment())
    assert (done.stdout.split(), done.returncode) == (["fwd=uri-miss", "hit"], 0), done.stderr
