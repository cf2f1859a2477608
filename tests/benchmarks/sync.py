"""`make bench ONLY=sync`: the cost of a caller without an event loop, beside Django's own API and the database."""

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import dj_database_url
import django
from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.template import engines

from tests.benchmarks.cores import FOR_THE_LOAD, FOR_THE_SERVER, pin_to_core
from tests.benchmarks.rounds import Job, console, measure, show
from tests.benchmarks.servers import OPTIONS, OURS
from tests.support.servers.postgres import running_postgres
from tests.support.servers.redis import running_redis

KEYS = 1000
# Bytes, for about ten of the keys: nearly every read comes from Redis.
SMALL_MEMORY = 10_000
TEMPLATE = """{% load fragments %}
{% fragment "first" ttl=3600 %}one{% endfragment %}
{% fragment "second" ttl=3600 %}two{% endfragment %}
{% fragment "third" ttl=3600 %}three{% endfragment %}"""


def configure(redis_url: str, database: dict[str, Any]) -> None:
    cache: dict[str, Any] = {"BACKEND": OURS, "LOCATION": redis_url, "KEY_PREFIX": "sync", "OPTIONS": OPTIONS}
    small = {**cache, "KEY_PREFIX": "small", "OPTIONS": {**OPTIONS, "MEMORY": SMALL_MEMORY}}
    settings.configure(
        CACHES={"default": cache, "small": small},
        DATABASES={"default": database},
        INSTALLED_APPS=["content.caching"],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        USE_TZ=True,
        SECRET_KEY="benchmark",
    )
    django.setup()


def repeat(call: Callable[[int], Any], calls: int) -> Job:
    """In a thread of its own, as a sync view runs."""

    def call_all() -> int:
        for number in range(calls):
            call(number % KEYS)
        return calls

    return lambda: asyncio.to_thread(call_all)


def row_of(number: int) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, title, body FROM post WHERE id = %s", [number])
        return list(cursor.fetchone())


def create_rows() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE post (id integer PRIMARY KEY, title text, body text)")
        cursor.executemany(
            "INSERT INTO post VALUES (%s, %s, %s)",
            [(number, f"Post {number}", "warm and fresh " * 20) for number in range(KEYS)],
        )


async def compare(redis_client: Any) -> None:
    from content.caching import Policy, Resource

    policy = Policy(ttl=timedelta(hours=1), stale_ttl=timedelta(hours=1), early=0, ahead=0)
    misses = count()

    def load(number: int, run: int = 0) -> list[Any]:
        return row_of(number)

    loader: Any = load
    in_memory: Resource[Any, Any] = Resource("in_memory", load=loader, policy=policy)
    shared: Resource[Any, Any] = Resource("shared", load=loader, policy=policy, cache="small")
    new: Resource[Any, Any] = Resource("new", load=loader, policy=policy)
    cache = caches["small"]

    def query_and_store(number: int) -> None:
        cache.set(f"stored:{number}", row_of(number), 3600)

    def fill() -> None:
        for number in range(KEYS):
            in_memory.get_sync(number)
            shared.get_sync(number)
            cache.set(f"plain:{number}", row_of(number), 3600)

    await asyncio.to_thread(fill)
    before = redis_client.info("stats")["total_connections_received"]
    rates = await measure(
        {
            "get_sync, from memory": repeat(in_memory.get_sync, 50_000),
            "get_sync, from Redis": repeat(shared.get_sync, 1_000),
            "Django's cache.get": repeat(lambda number: cache.get(f"plain:{number}"), 1_000),
        }
    )
    show("A hit", rates, "Django's cache.get")
    console.print(f"new connections to Redis: {redis_client.info('stats')['total_connections_received'] - before}\n")
    rates = await measure(
        {
            "get_sync, a miss": repeat(lambda number: new.get_sync(number, next(misses)), 300),
            "query and cache.set": repeat(query_and_store, 300),
        }
    )
    show("A miss, PostgreSQL", rates, "query and cache.set")
    template = engines["django"].from_string(TEMPLATE)
    plain = engines["django"].from_string("one two three")
    rates = await measure(
        {
            "three fragments, all hits": repeat(lambda _: template.render({}), 1_000),
            "a template without": repeat(lambda _: plain.render({}), 1_000),
        }
    )
    show("Fragments in a sync template", rates, "a template without")


def main() -> None:
    with (
        pin_to_core(FOR_THE_LOAD),
        running_redis() as server,
        running_postgres() as postgres,
        server.client() as client,
    ):
        configure(server.url, dict(dj_database_url.parse(postgres.url, conn_max_age=None)))
        with pin_to_core(FOR_THE_SERVER):
            create_rows()
            asyncio.run(compare(client))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    main()
