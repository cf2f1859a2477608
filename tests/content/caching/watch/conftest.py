"""Watched tables in a database of their own, SQLite and PostgreSQL."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dj_database_url
import psycopg
import pytest
from django.db import connections

from content.caching.watch import declaration, own_writes, relay, triggers
from content.caching.watch.models import PendingChanges, WatchedChange
from tests.support.watched import Label, Product, Shelf

TABLES = [WatchedChange, PendingChanges, Shelf, Label, Product]
# All that a test on PostgreSQL may have changed beside rows: columns, triggers, functions, constraints and rules.
SCHEMA = """
SELECT relname, relkind::text, attname, atttypid::text, attnum::text, attnotnull::text, attisdropped::text
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT tgname, tgenabled::text, pg_get_triggerdef(pg_trigger.oid), '', '', '', ''
FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT proname, prosrc, proconfig::text, '', '', '', '' FROM pg_proc
WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT conname, pg_get_constraintdef(oid), '', '', '', '', '' FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT tablename, rulename, definition, '', '', '', '' FROM pg_rules WHERE schemaname = 'public'
ORDER BY 1, 2, 3, 4, 5, 6, 7
"""

Schema = list[tuple[object, ...]]


def slugs(changes: list[declaration.Change]) -> list[str]:
    return [f"product-slug:{state['slug']}" for change in changes for state in change.states]


def label_tags(changes: list[declaration.Change]) -> list[str]:
    return [f"product:{state['product_id']}:page" for change in changes for state in change.states]


def execute(connection, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture(scope="session")
def watched_postgres(postgres_server) -> str:
    """The URL of a database of its own: other tests create the site's tables in the server's first one."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE watched")
    return f"{postgres_server.rpartition('/')[0]}/watched"


class WatchedTables:
    """The watched tables, made once in a run of the tests: a file to copy, and tables of PostgreSQL to empty."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "db"
        # The schema of the tables in PostgreSQL; None while a test may use none of them.
        self.schema: Schema | None = None

    def prepare(self, connection) -> None:
        if connection.vendor == "sqlite":
            if not self.file.exists():
                make_tables(connection)
                connection.close()
                shutil.copy(connection.settings_dict["NAME"], self.file)
            else:
                shutil.copy(self.file, connection.settings_dict["NAME"])
        elif self.schema is None:
            make_tables(connection)
            self.schema = read_schema(connection)

    def clean(self, connection) -> None:
        """After a test. Its file goes with its folder."""
        if connection.vendor == "sqlite":
            return
        if read_schema(connection) == self.schema:
            # The triggers of the other tables write into the outbox.
            outbox = WatchedChange._meta.db_table
            others = sorted(set(connection.introspection.table_names()) - {outbox})
            for names in (others, [outbox]):
                execute(connection, f"TRUNCATE {', '.join(names)} RESTART IDENTITY")
        else:
            self.schema = None
            for name in connection.introspection.table_names():
                execute(connection, f"DROP TABLE {name} CASCADE")


def make_tables(connection) -> None:
    with connection.schema_editor() as editor:
        for model in TABLES:
            editor.create_model(model)
    triggers.mend_triggers("own")
    WatchedChange.objects.using("own").all().delete()


def read_schema(connection) -> Schema:
    with closing(connection.cursor()) as cursor:
        cursor.execute(SCHEMA)
        return list(cursor.fetchall())


@pytest.fixture(scope="session")
def tables(tmp_path_factory) -> WatchedTables:
    return WatchedTables(tmp_path_factory.mktemp("watched"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path, django_db_blocker, monkeypatch, tables) -> Iterator[str]:
    """The alias "own", whose tables are watched."""
    is_postgres = request.param == "postgresql"
    url = request.getfixturevalue("watched_postgres") if is_postgres else f"sqlite:///{tmp_path}/db"
    settings = connections.configure_settings({"default": {}, "own": dj_database_url.parse(url)})["own"]
    monkeypatch.setitem(connections.settings, "own", settings)
    monkeypatch.setattr(declaration, "watches", {})
    for module in (triggers, own_writes, relay):
        monkeypatch.setattr(module, "watches", declaration.watches)
    declaration.watch(
        Product,
        documents={"page": ["name", "text", "slug", "sold_from"], "card": ["name", "slug"]},
        reads=["slug", "sold_from"],
        tags=slugs,
        coarse=["product-slugs"],
    )
    declaration.watch(Product.labels.through, reads=["product", "label"], tags=label_tags, name="labelling")
    with django_db_blocker.unblock():
        connection = connections["own"]
        try:
            tables.prepare(connection)
            yield "own"
        finally:
            connection.close()
            tables.clean(connection)
            connection.close()
            del connections["own"]
