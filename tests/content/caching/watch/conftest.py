"""Watched tables in a database of their own, SQLite and PostgreSQL."""

from collections.abc import Iterator

import dj_database_url
import pytest
from django.db import connections

from content.caching import RARE, Resource
from content.caching.watch import declaration, own_writes, relay, triggers
from content.caching.watch.models import PendingChanges, WatchedChange
from tests.support.watched import Label, Product, Shelf, products

TABLES = [WatchedChange, PendingChanges, Shelf, Label, Product]


def slugs(changes: list[declaration.Change]) -> list[str]:
    return [f"product-slug:{state['slug']}" for change in changes for state in change.states]


def label_tags(changes: list[declaration.Change]) -> list[str]:
    return [f"product:{state['product_id']}:page" for change in changes for state in change.states]


def execute(connection, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path, django_db_blocker, monkeypatch) -> Iterator[str]:
    """The alias "own", whose tables are watched."""
    url = request.getfixturevalue("postgres_server") if request.param == "postgresql" else f"sqlite:///{tmp_path}/db"
    settings = connections.configure_settings({"default": {}, "own": dj_database_url.parse(url)})["own"]
    connections.settings["own"] = settings
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
                execute(connection, f"DROP TABLE {name}{' CASCADE' if connection.vendor == 'postgresql' else ''}")
            connection.close()
    del connections["own"]
    del connections.settings["own"]


@pytest.fixture
def product(database: str) -> Product:
    return products().create(slug="a", name="old")


@pytest.fixture
def name(alias: str, product: Product) -> Resource:
    """The product's name as its page shows it, loaded once."""

    def load(pk: int) -> str:
        return products().get(pk=pk).name

    resource = Resource("product_name", load=load, policy=RARE, tags=lambda pk: (f"product:{pk}:page", "product:*"))
    assert resource.get_sync(product.pk) == "old"
    return resource
