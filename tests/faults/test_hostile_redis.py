"""Hostile bytes under every kind of key, while the whole site serves: nobody notices, and no hand is needed (I15)."""

import json
import os
import random
import signal
import time
from collections.abc import Callable

import httpx
import pytest
import redis as redis_library

from tests.support.markdown import write_posts
from tests.support.servers.redis import RedisServer, running_redis
from tests.support.service import READY, Service, environment_of, manage, running_service
from tests.support.wait import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PATHS = ["/", "/posts/note-1/", "/posts/note-2/", "/categories/news/", "/tags/green/", "/authors/ann/", "/feed.xml"]
# Seconds in which caching is back.
HEALED = 2.0
HOSTILE = [
    b"\xff\xfe",
    b"",
    b"\x81" * 100_000,
    b"\x02\x00\x00\x00\x05\xdc\xff\xff\xff\xff",
    b"9" * 400,
    b"{}",
    b"\x00" * 9,
]

Redis = redis_library.Redis


def replace_by_text(redis: Redis, key: bytes, kind: bytes) -> None:
    """Replace it by a string, or by a list where there was one."""
    redis.delete(key)
    if kind == b"string":
        redis.rpush(key, b"alien")
    else:
        redis.set(key, b"\xff alien")


def spoil_value(redis: Redis, key: bytes, kind: bytes) -> None:
    """The right type, with hostile bytes in it."""
    chance = random.Random(key)
    poison = chance.choice(HOSTILE)
    if kind == b"string":
        redis.set(key, poison, keepttl=True)
    elif kind == b"hash":
        redis.hset(key, poison, poison)
        for field in chance.sample(sorted(redis.hkeys(key)), 1):
            redis.hset(key, field, chance.choice(HOSTILE))
    elif kind == b"list":
        redis.rpush(key, poison)
    elif kind == b"set":
        redis.sadd(key, poison)
    elif kind == b"zset":
        redis.zadd(key, {poison: chance.choice([0.0, -1e308, 1e308])})
    elif kind == b"stream":
        redis.xadd(key, {b"x": b"y"})
        redis.xadd(key, {b"k": b"i", b"t": poison, b"n": poison})


def change_a_byte(redis: Redis, key: bytes, kind: bytes) -> None:
    """One byte of each string becomes another. A stream loses its records to an alien one."""
    if kind == b"string" and (stored := redis.get(key)):
        changed, place = bytearray(stored), random.Random(key).randrange(len(stored))
        changed[place] = 0xFF
        redis.set(key, bytes(changed), keepttl=True)
    elif kind == b"stream":
        redis.xtrim(key, maxlen=0)
        redis.xadd(key, {b"x": b"y"})


POISONS = [replace_by_text, spoil_value, change_a_byte]


@pytest.fixture(scope="module")
def server():
    with running_redis() as running:
        yield running


@pytest.fixture(scope="module")
def service(server, tmp_path_factory):
    home = tmp_path_factory.mktemp("hostile")
    folder = write_posts(home / "posts", 12)
    environment = {"REDIS_URL": server.url, "SECRET_KEY": "for tests only"}
    with running_service(home / "state", "--import", str(folder), environment=environment) as running:
        running.wait_for_line(READY)
        yield running


def poison_all(redis: Redis, poison: Callable[[Redis, bytes, bytes], None]) -> None:
    """Spoil every key, those of Celery's queue among them."""
    for key in list(redis.scan_iter(count=1000)):
        kind = redis.type(key)
        if kind != b"none":
            poison(redis, key, kind)


def read_all(client: httpx.Client) -> list[int]:
    """Each path as it is, and past the page cache."""
    answers = [client.get(path, params=params) for path in PATHS for params in ({}, {"x": str(random.random())})]
    return [answer.status_code for answer in answers]


def is_caching(client: httpx.Client) -> bool:
    """A page that nobody has read is stored, and called fresh; so is what was read before."""
    new = f"/posts/note-3/?x={random.random()}"
    client.get(new)
    statuses = [client.get(path).headers.get("cache-status", "") for path in (new, "/")]
    return all("; hit" in status and "ttl=-" not in status for status in statuses)


def shows_edits(service: Service, server: RedisServer, client: httpx.Client) -> bool:
    environment = environment_of(service.state_dir) | {"REDIS_URL": server.url, "SECRET_KEY": "for tests only"}
    title = f"Changed {random.random()}"
    code = f"from content.models import Post; p = Post.objects.get(slug='note-5'); p.title = {title!r}; p.save()"
    client.get("/posts/note-5/")
    manage(environment, "shell", "--no-imports", "-c", code)
    wait_until(lambda: title in client.get("/posts/note-5/").text, "the edit shows", 5)
    return True


@pytest.mark.parametrize("poison", POISONS, ids=lambda poison: poison.__name__)
def test_i15_no_reader_notices_and_caching_is_back_within_two_seconds(service, server, poison):
    with service.client() as client, server.client() as redis:
        wait_until(lambda: is_caching(client), "it is caching", 30)
        client.get("/search/", params={"q": "note"})
        client.get("/admin/login/")
        poison_all(redis, poison)
        poisoned_at, statuses = time.monotonic(), []
        while time.monotonic() - poisoned_at < HEALED:
            statuses += read_all(client)
        assert {status for status in statuses if status >= 500} == set(), service.terminal[-3000:]
        wait_until(lambda: is_caching(client), "caching is back", HEALED)
        assert shows_edits(service, server, client)
        # A process that begins now finds what is left of it.
        os.kill(service.pid_of("-m project.serving {"), signal.SIGHUP)
        wait_until(lambda: is_caching(client), "it is caching again", 20)
        assert client.get("/readyz").status_code in (200, 503)
        manage(environment_of(service.state_dir) | {"REDIS_URL": server.url}, "cache_stats", "--json")


def test_i15_nor_after_twenty_thousand_further_records(service, server):
    """Then the oldest records, hostile ones among them, have become part of the snapshot."""
    with service.client() as client, server.client() as redis:
        [stream] = [key for key in redis.scan_iter(match="*log}") if redis.type(key) == b"stream"]
        for number in range(20):
            redis.xadd(stream, {b"x": b"\xff", b"t": HOSTILE[number % len(HOSTILE)]})
        environment = environment_of(service.state_dir) | {"REDIS_URL": server.url, "SECRET_KEY": "for tests only"}
        append = "from content.caching import invalidate_sync\nfor n in range(20_000): invalidate_sync([f'n:{n}'])"
        manage(environment, "shell", "--no-imports", "-c", append)
        assert redis.xlen(stream) < 20_000
        wait_until(lambda: is_caching(client), "it is caching", HEALED)
        assert shows_edits(service, server, client)
        os.kill(service.pid_of("-m project.serving {"), signal.SIGHUP)
        wait_until(lambda: is_caching(client), "it is caching again", 20)


def is_worker_heard(client: httpx.Client) -> bool:
    lines = client.get("/statusz", params={"format": "json"}).json()["lines"]
    return any(line["name"] == "worker" and line["ok"] for line in lines)


def test_the_worker_and_the_site_are_still_whole(service):
    with service.client() as client:
        wait_until(lambda: client.get("/readyz").json()["status"] == "ready", "all is ready", 60)
        wait_until(lambda: is_worker_heard(client), "a worker is heard", 60)
        assert json.loads(client.get("/healthz").text) == {"status": "ok"}
    assert service.process.poll() is None
