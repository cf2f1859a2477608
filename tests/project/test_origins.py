"""Servers record the origins that they serve. Commands and workers read them with distrust (I13, I14, I15)."""

import asyncio
import time

import httpx
import pytest
import redis
from django.core.handlers.asgi import ASGIHandler

from content.caching.edge import EdgeCache
from content.warming import origins
from content.warming.origins import MOST_ORIGINS, load_origins, origins_of_site, parse_origin, record_origins
from project.edge import canonical_host, site_profile
from project.origins import ServedOrigins
from tests.support.blog import make_blog
from tests.support.caches import redis_cache, use_cache
from tests.support.wait import wait_until_async


@pytest.fixture(autouse=True)
def hosts(settings):
    settings.ALLOWED_HOSTS = ["127.0.0.1", "[::1]", "example.org", ".wild.example"]
    settings.WARM_ORIGINS = []


@pytest.fixture
def server(fresh_redis):
    with use_cache(redis_cache(fresh_redis), time.time), redis.Redis.from_url(fresh_redis) as client:
        yield client


def request(host: str, scheme: str = "http") -> dict:
    return {"type": "http", "scheme": scheme, "headers": [(b"host", host.encode("latin-1"))]}


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("http://[::1]:8765", "http://[::1]:8765"),
        ("https://example.org:443", "https://example.org"),
        ("http://example.org:80", "http://example.org"),
        ("http://evil.example", None),
        ("http://example.org:99999", None),
        ("http://example.org/path", None),
        ("http://user@example.org", None),
        ("ftp://example.org", None),
        ("http://example.org\n", None),
        ("http://EXAMPLE.org", None),
        ("http://0.0.0.0:8000", None),
        ("", None),
    ],
)
def test_an_origin_is_believed_only_if_this_site_serves_it(settings, text, origin):
    assert parse_origin(text) == origin
    settings.ALLOWED_HOSTS = ["*"]
    assert parse_origin("http://0.0.0.0:8000") is None


async def test_recorded_origins_are_read_by_other_processes_until_their_time_is_up(server, monkeypatch):
    assert await record_origins(["http://127.0.0.1:8765"])
    assert await origins_of_site() == ["http://127.0.0.1:8765"]
    now = time.time()
    monkeypatch.setattr(origins.time, "time", lambda: now + origins.LIFETIME + 1)
    assert await origins_of_site() == []


async def test_origins_that_are_set_come_before_those_that_were_seen(server, settings):
    await record_origins(["http://127.0.0.1:8765"])
    settings.WARM_ORIGINS = ["https://example.org"]
    assert await origins_of_site() == ["https://example.org"]


async def test_i14_no_more_than_a_few_are_recorded(server):
    for number in range(50):
        await record_origins([f"http://127.0.0.1:{8000 + number}"])
    assert server.zcard(origins.key()) == MOST_ORIGINS
    assert f"http://127.0.0.1:{8000 + 49}" in await load_origins()
    assert server.pttl(origins.key()) > 0


@pytest.mark.parametrize("score", [1e308, -1e308])
async def test_i15_what_a_stranger_writes_there_is_skipped(server, score):
    server.zadd(origins.key(), {b"\xff\xfe": time.time(), "http://evil.example": time.time(), "junk": score})
    await record_origins(["http://127.0.0.1:8765"])
    assert await load_origins() == ["http://127.0.0.1:8765"]


async def test_i15_a_key_of_another_type_heals(server):
    server.set(origins.key(), "not a set")
    assert await load_origins() == []
    assert await record_origins(["http://127.0.0.1:8765"])
    assert await load_origins() == ["http://127.0.0.1:8765"]


def test_a_request_counts_only_under_a_host_that_is_named_in_full():
    served = ServedOrigins()
    for host in ("example.org", "invented.wild.example", "evil.example", "127.0.0.1:9000", ""):
        served.add_request(request(host))
    served.add_request(request("example.org", "https"))
    assert list(served.origins) == ["http://example.org", "http://127.0.0.1:9000", "https://example.org"]
    for port in range(1, 100):
        served.add_request(request(f"127.0.0.1:{port}"))
    assert len(served.origins) == MOST_ORIGINS


def test_an_origin_that_only_redirects_does_not_count(settings):
    settings.SECURE_SSL_REDIRECT = True
    served = ServedOrigins()
    served.add_request(request("example.org"))
    assert list(served.origins) == []


async def test_a_server_records_its_own_and_those_that_come_later(server, settings):
    settings.WARM_ORIGINS = ["https://example.org"]
    served = ServedOrigins()
    recording = asyncio.create_task(served.record())
    await wait_until_async(load_origins, "the first is recorded")
    served.add("http://127.0.0.1:8765")

    async def both() -> bool:
        return set(await load_origins()) == {"https://example.org", "http://127.0.0.1:8765"}

    await wait_until_async(both, "the second is recorded")
    recording.cancel()


@pytest.mark.django_db(transaction=True)
async def test_hosts_share_their_pages_where_no_page_depends_on_the_host(settings, client_of):
    settings.BASE_URL = "https://example.org"
    first, second = client_of("example.org"), client_of("127.0.0.1")
    page = await first.get("/")
    again = await second.get("/")
    assert "; hit" in again.headers["cache-status"]
    assert page.content == again.content
    assert b"127.0.0.1" not in again.content


@pytest.mark.django_db(transaction=True)
async def test_without_a_base_url_each_host_has_pages_of_its_own(client_of):
    await client_of("example.org").get("/")
    other = await client_of("127.0.0.1").get("/")
    assert "; hit" not in other.headers["cache-status"]
    assert b"http://127.0.0.1/" in other.content


@pytest.mark.django_db(transaction=True)
async def test_i8_a_host_that_is_not_ours_gets_no_page_and_stores_none(settings, client_of):
    settings.BASE_URL = "https://example.org"
    response = await client_of("evil.example").get("/")
    assert response.status_code == 400
    assert b"evil.example" not in (await client_of("example.org").get("/")).content


def test_a_base_url_whose_host_is_not_allowed_is_no_key_for_others(settings):
    settings.BASE_URL = "https://elsewhere.example"
    assert canonical_host("example.org:8000", 8000) == "example.org"


@pytest.fixture
def client_of(server):
    """Clients of one edge, each by another host."""
    make_blog()
    edge = EdgeCache(ASGIHandler(), cache="default", profile=site_profile())
    return lambda host: httpx.AsyncClient(transport=httpx.ASGITransport(app=edge), base_url=f"http://{host}")
