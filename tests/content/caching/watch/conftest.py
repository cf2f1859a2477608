"""Watched tables in a database of their own, SQLite and PostgreSQL."""

from collections.abc import Iterator

import dj_database_url
import psycopg
import pytest
from django.db import connections

from content.caching.watch import declaration, own_writes, relay, triggers
from content.caching.watch.models import PendingChanges, WatchedChange
from tests.support.watched import Label, Product, Shelf

TABLES = [WatchedChange, PendingChanges, Shelf, Label, Product]


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


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path, django_db_blocker, monkeypatch) -> Iterator[str]:
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
            with connection.schema_editor() as editor:
                for model in TABLES:
                    editor.create_model(model)
            triggers.mend_triggers("own")
            WatchedChange.objects.using("own").all().delete()
            yield "own"
        finally:
            connection.close()
            for name in connection.introspection.table_names():
                execute(connection, f"DROP TABLE {name}{' CASCADE' if is_postgres else ''}")
            connection.close()
            del connections["own"]
