"""Two tables alike, of which one is watched."""

from typing import Any

import django
from django.conf import settings

from tests.benchmarks.servers import OPTIONS, OURS

SQLITE = {"timeout": 20, "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"}
TEXT = "warm and fresh " * 20


def configure(redis_url: str, database: dict[str, Any]) -> None:
    if database["ENGINE"].endswith("sqlite3"):
        database["OPTIONS"] = SQLITE
    cache = {"BACKEND": OURS, "LOCATION": redis_url, "KEY_PREFIX": "watch", "OPTIONS": OPTIONS}
    settings.configure(
        CACHES={"default": cache},
        DATABASES={"default": database},
        INSTALLED_APPS=["content.caching", "content.caching.watch"],
        USE_TZ=True,
        SECRET_KEY="benchmark",
    )
    django.setup()


def make_tables() -> tuple[Any, Any]:
    """The plain one and the watched one."""
    from django.core.management import call_command
    from django.db import connection, models

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


def fill(model: Any, rows: int) -> None:
    from django.db import connection

    table = model._meta.db_table
    numbers = (
        f"generate_series(1, {rows}) AS numbers(i)"
        if connection.vendor == "postgresql"
        else f"(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n)"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")
        cursor.execute(
            f"INSERT INTO {table} (id, title, text, price) SELECT i, 'Title ' || i, '{TEXT}', 0 FROM {numbers}"
        )
        if connection.vendor == "postgresql":
            cursor.execute(f"VACUUM ANALYZE {table}")


def outbox_size() -> tuple[int, int]:
    """Rows of the outbox and, on PostgreSQL, bytes of the table with its indexes."""
    from django.db import connection

    from content.caching.watch.models import WatchedChange

    rows = WatchedChange.objects.count()
    if connection.vendor != "postgresql":
        return rows, 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s)", [WatchedChange._meta.db_table])
        return rows, cursor.fetchone()[0]
