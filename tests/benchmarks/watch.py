"""`make bench ONLY=watch`: what triggers cost a writer, and what a statement that writes many rows costs the log."""

import asyncio
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from typing import Any

import dj_database_url
import django
from django.conf import settings
from django.db import connection

from tests.benchmarks.cores import FOR_THE_LOAD, FOR_THE_SERVER, pin_to_core
from tests.benchmarks.rounds import Job, console, measured, show
from tests.benchmarks.servers import OPTIONS, OURS
from tests.support.servers.postgres import running_postgres
from tests.support.servers.redis import running_redis

MANY = {"postgresql": 1_000_000, "sqlite": 100_000}
SINGLE = 300
# Rows of the tables whose rows are written one by one.
FEW = 1000


def configure(redis_url: str, database: dict[str, Any]) -> None:
    cache = {"BACKEND": OURS, "LOCATION": redis_url, "KEY_PREFIX": "watch", "OPTIONS": OPTIONS}
    settings.configure(
        CACHES={"default": cache},
        DATABASES={"default": database},
        INSTALLED_APPS=["content.caching", "content.caching.watch"],
        USE_TZ=True,
        SECRET_KEY="benchmark",
    )
    django.setup()


def make_tables() -> tuple[type, type]:
    """Two tables alike, of which one is watched."""
    from django.core.management import call_command
    from django.db import models

    from content.caching.watch import watch
    from content.caching.watch.triggers import mend_triggers

    call_command("migrate", verbosity=0)
    made = []
    for name in ("Plain", "Watched"):
        fields = {
            "title": models.CharField(max_length=200),
            "text": models.TextField(),
            "price": models.IntegerField(default=0),
            "__module__": __name__,
            "Meta": type("Meta", (), {"app_label": "bench"}),
        }
        model = type(name, (models.Model,), fields)
        with connection.schema_editor() as editor:
            editor.create_model(model)
        made.append(model)
    watch(made[1], documents={"page": ["title", "text", "price"], "card": ["title"]}, coarse=["products"])
    mend_triggers()
    return made[0], made[1]


def fill(model: type, rows: int) -> None:
    table = model._meta.db_table
    numbers = (
        f"SELECT generate_series(1, {rows})"
        if connection.vendor == "postgresql"
        else f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")
        cursor.execute(
            f"INSERT INTO {table} (id, title, text, price) "
            f"SELECT i, 'Title ' || i, '{'warm and fresh ' * 20}', 0 FROM ({numbers}) AS numbers(i)"
            if connection.vendor == "postgresql"
            else f"INSERT INTO {table} (id, title, text, price) "
            f"SELECT i, 'Title ' || i, '{'warm and fresh ' * 20}', 0 FROM ({numbers})"
        )


def in_thread(work: Callable[[], int]) -> Job:
    return lambda: asyncio.to_thread(work)


async def compare(client: Any) -> None:
    from content.caching.watch.relay import prune, relay_waiting

    plain, watched = await asyncio.to_thread(make_tables)
    values = count()

    def relay_all() -> None:
        while relay_waiting():
            pass
        prune()

    def write_rows(model: type) -> Callable[[], int]:
        def work() -> int:
            for number in range(1, SINGLE + 1):
                model.objects.filter(pk=number).update(price=next(values))
            return SINGLE

        return work

    def write_all(model: type) -> Callable[[], int]:
        def work() -> int:
            with connection.cursor() as cursor:
                cursor.execute(f"UPDATE {model._meta.db_table} SET price = {next(values)}")
            return 1

        return work

    for model in (plain, watched):
        await asyncio.to_thread(fill, model, FEW)
    await asyncio.to_thread(relay_all)
    rates = await measured(
        {"without triggers": in_thread(write_rows(plain)), "watched": in_thread(write_rows(watched))}
    )
    show(f"{connection.vendor}: one row, committed, and appended to the log if watched", rates, "without triggers")
    many = MANY[connection.vendor]
    for model in (plain, watched):
        await asyncio.to_thread(fill, model, many)
    await asyncio.to_thread(relay_all)
    before = client.info("commandstats").get("cmdstat_eval", {}).get("calls", 0)
    client.config_set("slowlog-log-slower-than", 1000)
    client.slowlog_reset()
    rates = await measured(
        {"without triggers": in_thread(write_all(plain)), "watched": in_thread(write_all(watched))}, rounds=3
    )
    show(f"{connection.vendor}: {many:,} rows by one statement", rates, "without triggers")
    slowest = max((each["duration"] for each in client.slowlog_get(100)), default=0)
    calls = client.info("commandstats")["cmdstat_eval"]["calls"] - before
    console.print(f"scripts in Redis, polls of the log among them: {calls}; the slowest {slowest / 1000:.1f} ms\n")


def main(vendor: str) -> None:
    with (
        pin_to_core(FOR_THE_LOAD),
        running_redis() as server,
        running_postgres() as postgres,
        server.client() as client,
        tempfile.TemporaryDirectory() as folder,
    ):
        url = postgres.url if vendor == "postgresql" else f"sqlite:///{folder}/db"
        configure(server.url, dj_database_url.parse(url, conn_max_age=None))
        with pin_to_core(FOR_THE_SERVER):
            asyncio.run(compare(client))


if __name__ == "__main__":
    for wanted in sys.argv[1:] or ["postgresql"]:
        main(wanted)
