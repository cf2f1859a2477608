"""Sessions in async views, on each of Django's engines, in the cache that is theirs."""

from datetime import timedelta

import pytest
from django.contrib.auth import aget_user, alogin, get_user_model
from django.core.cache import caches
from django.core.exceptions import SynchronousOnlyOperation
from django.http import HttpResponse, JsonResponse
from django.test import AsyncClient
from django.urls import path
from django.utils import timezone

from tests.support.caches import LOCMEM, memcached_cache, redis_cache
from tests.support.servers.memcached import running_memcached

ENGINES = ["cached_db", "db", "cache", "file", "signed_cookies"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


async def visit(request):
    """How often this reader came, and what else a session may hold."""
    visits = await request.session.aget("visits", 0) + 1
    await request.session.aset("visits", visits)
    await request.session.aset("cart", {"leaves": ["oak", "Ä\x00"], "price": 1.5, "gift": None})
    await request.session.aset_expiry(timezone.now() + timedelta(hours=1))
    return JsonResponse({"visits": visits, "cart": await request.session.aget("cart")})


async def enter(request):
    await alogin(request, await get_user_model().objects.aget(username="ann"))
    return HttpResponse()


async def who(request):
    return HttpResponse((await aget_user(request)).get_username())


async def leave(request):
    await request.session.aflush()
    return HttpResponse()


async def touch_session_synchronously(request):
    return HttpResponse(request.session["visits"])


urlpatterns = [path(f"{view.__name__}/", view) for view in (visit, enter, who, leave, touch_session_synchronously)]


@pytest.fixture(scope="module")
def memcached_server():
    with running_memcached() as server:
        yield server


@pytest.fixture(params=["locmem", "memcached", "redis"])
def own_cache(request, settings, memcached_server, redis_server):
    sessions = {
        "locmem": LOCMEM,
        "memcached": memcached_cache(memcached_server.url),
        "redis": redis_cache(redis_server.url),
    }
    settings.CACHES = settings.CACHES | {"sessions": sessions[request.param]}
    caches["sessions"].clear()


@pytest.fixture(params=ENGINES)
def engine(request, settings, tmp_path):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    settings.SESSION_FILE_PATH = tmp_path
    return request.param


async def visit_log_in_and_leave() -> None:
    client = AsyncClient()
    first, second = await client.get("/visit/"), await client.get("/visit/")
    assert [answer.json()["visits"] for answer in (first, second)] == [1, 2]
    assert second.json()["cart"] == {"leaves": ["oak", "Ä\x00"], "price": 1.5, "gift": None}
    assert (await AsyncClient().get("/visit/")).json()["visits"] == 1
    await get_user_model().objects.acreate_user("ann")
    await client.get("/enter/")
    assert (await client.get("/who/")).content == b"ann"
    assert (await client.get("/visit/")).json()["visits"] == 3
    await client.get("/leave/")
    assert (await client.get("/who/")).content == b""
    assert (await client.get("/visit/")).json()["visits"] == 1


async def test_each_engine(engine):
    await visit_log_in_and_leave()


@pytest.mark.parametrize("with_cache", ["cached_db", "cache"])
async def test_each_cache(own_cache, settings, with_cache):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{with_cache}"
    await visit_log_in_and_leave()


async def test_a_session_is_read_from_its_own_cache_and_outlives_it():
    client = AsyncClient()
    await client.get("/visit/")
    key = f"django.contrib.sessions.cached_db{client.cookies['sessionid'].value}"
    assert (await caches["sessions"].aget(key))["visits"] == 1
    assert await caches["default"].aget(key) is None
    await caches["default"].aclear()
    assert await caches["sessions"].aget(key) is not None
    await caches["sessions"].aclear()
    assert (await client.get("/visit/")).json()["visits"] == 2


async def test_synchronous_access_in_the_event_loop_is_refused(settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    client = AsyncClient()
    await client.get("/visit/")
    with pytest.raises(SynchronousOnlyOperation):
        await client.get("/touch_session_synchronously/")
