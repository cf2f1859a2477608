"""I5: sessions while their Redis is down, hung, full or holds other people's bytes."""

import asyncio
import signal
import time
from collections import OrderedDict

import msgspec
import pytest
from django.contrib.auth import alogin, get_user_model
from django.core.cache import caches
from django.http import HttpResponse, JsonResponse
from django.test import AsyncClient, Client
from django.urls import path

from project import sessions
from tests.support.caches import redis_cache
from tests.support.wait import wait_until_async

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


async def visit(request):
    visits = await request.session.aget("visits", 0) + 1
    await request.session.aset("visits", visits)
    return JsonResponse({"visits": visits})


def visit_sync(request):
    request.session["visits"] = visits = request.session.get("visits", 0) + 1
    return JsonResponse({"visits": visits})


async def enter(request):
    await alogin(request, await get_user_model().objects.aget(username="ann"))
    return HttpResponse()


async def leave(request):
    await request.session.aflush()
    return HttpResponse()


async def who(request):
    return HttpResponse((await request.auser()).get_username(), headers={"Cache-Control": "no-store"})


urlpatterns = [path(f"{view.__name__}/", view) for view in (visit, visit_sync, enter, leave, who)]


@pytest.fixture
def site(settings, own_redis, monkeypatch):
    """Sessions as this site keeps them, in a Redis of their own."""
    alias = redis_cache(own_redis.url)
    alias["OPTIONS"] = alias["OPTIONS"] | {"SOCKET_TIMEOUT": 1.0, "SOCKET_CONNECT_TIMEOUT": 1.0}
    settings.CACHES = settings.CACHES | {"sessions": alias}
    settings.SESSION_ENGINE = "project.sessions"
    monkeypatch.setattr(sessions, "_session_caches", {})
    monkeypatch.setattr(sessions, "DELETE_EVERY", 0.05)
    get_user_model().objects.create_user("ann")
    yield own_redis
    own_redis.process.send_signal(signal.SIGCONT)
    for store in sessions._session_caches.values():
        if store._deleter is not None:
            store.outdated.clear()
            store._deleter.join(5)


def fail(server, how: str) -> None:
    match how:
        case "down":
            server.process.kill()
            server.process.wait()
        case "hung":
            server.process.send_signal(signal.SIGSTOP)
        case "full":
            with server.client() as client:
                client.config_set("maxmemory", "1mb")
                client.config_set("maxmemory-policy", "noeviction")


@pytest.mark.parametrize("how", ["down", "hung", "full"])
@pytest.mark.parametrize("view", ["/visit/", "/visit_sync/"])
async def test_i5_sessions_without_their_redis(site, how, view):
    client = AsyncClient()
    assert (await client.get(view)).json() == {"visits": 1}
    fail(site, how)
    began = time.monotonic()
    for number in range(2, 8):
        assert (await client.get(view)).json() == {"visits": number}
    newcomer = AsyncClient()
    assert (await newcomer.get("/enter/")).status_code == 200
    assert (await newcomer.get("/who/")).content == b"ann"
    assert (await newcomer.get("/leave/")).status_code == 200
    assert (await newcomer.get("/who/")).content == b""
    # A hung server costs one timeout of a second for each probe.
    assert time.monotonic() - began < 12


def test_i5_sync_requests_without_redis(site):
    client = Client()
    client.get("/visit_sync/")
    fail(site, "hung")
    for number in range(2, 5):
        assert client.get("/visit_sync/").json() == {"visits": number}


@pytest.mark.parametrize("how", ["hung", "full"])
async def test_a_session_that_ended_meanwhile_does_not_come_back(site, how):
    """cached_db leaves it in the cache, which serves it for two weeks when it is back."""
    client = AsyncClient()
    await client.get("/enter/")
    cookie = client.cookies["sessionid"].value
    fail(site, how)
    # A hung server opens the breaker. A stopped server would run earlier commands when it continues.
    await client.get("/who/")
    await client.get("/leave/")
    site.process.send_signal(signal.SIGCONT)
    thief = AsyncClient()
    thief.cookies["sessionid"] = cookie
    assert (await thief.get("/who/")).content == b""

    async def is_deleted() -> bool:
        return await caches["sessions"].aget(f"django.contrib.sessions.cached_db{cookie}") is None

    await wait_until_async(is_deleted, "the session is deleted")
    assert (await thief.get("/who/")).content == b""


async def test_a_change_that_did_not_reach_the_cache_is_not_lost(site):
    client = AsyncClient()
    await client.get("/visit/")
    fail(site, "hung")
    await client.get("/visit/")
    site.process.send_signal(signal.SIGCONT)
    assert (await client.get("/visit/")).json() == {"visits": 3}
    store = sessions.session_cache()
    await wait_until_async(lambda: not store.outdated, "outdated sessions are deleted")
    key, visits = f"django.contrib.sessions.cached_db{client.cookies['sessionid'].value}", 3
    while await caches["sessions"].aget(key) != {"visits": visits}:
        visits += 1
        assert (await client.get("/visit/")).json() == {"visits": visits}
        # The breaker asks again within a second.
        await asyncio.sleep(0.05)
    assert visits < 100


@pytest.mark.parametrize(
    "content",
    [b"\xa2\xff\xfe", b"\x91" * 100_000, b"42", b"", *map(msgspec.msgpack.encode, ([1], "x", None))],
    ids=lambda content: repr(content[:5]),
)
async def test_i9_other_bytes_under_a_session_are_a_miss(site, content):
    client = AsyncClient()
    await client.get("/visit/")
    key = caches["sessions"].make_key(f"django.contrib.sessions.cached_db{client.cookies['sessionid'].value}")
    with site.client() as redis:
        redis.set(key, content)
    assert (await client.get("/visit/")).json() == {"visits": 2}
    assert (await client.get("/visit/")).json() == {"visits": 3}


async def test_a_value_that_the_cache_refuses_is_read_from_the_database(site):
    store = sessions.SessionStore()
    await store.aset("a", {"deep": [1]})
    await store.asave()
    await store.aset("b", OrderedDict(x=1))
    await store.asave()
    assert await sessions.SessionStore(store.session_key).aload() == {"a": {"deep": [1]}, "b": {"x": 1}}
