"""Every way of writing a watched row is seen: by the writer's next read, or once the relay has looked."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connections, transaction
from django.db.models import F

from content.caching import RARE, NotThere, Resource
from content.caching.watch.relay import relay_waiting
from tests.support.watched import Label, Product, by_another_program, products

pytestmark = pytest.mark.parametrize("alias", ["redis"], indirect=True)


def sql(text: str) -> None:
    with connections["own"].cursor() as cursor:
        cursor.execute(text)


def save(product: Product) -> None:
    product.name = "new"
    product.save()


def bulk_update(product: Product) -> None:
    product.name = "new"
    products().bulk_update([product], ["name"])


def save_in_transaction(product: Product) -> None:
    with transaction.atomic("own"):
        save(product)


def save_after_a_savepoint(product: Product) -> None:
    with transaction.atomic("own"):
        try:
            with transaction.atomic("own"):
                products().filter(pk=product.pk).update(name="lost")
                raise KeyError
        except KeyError:
            save(product)


def replace_by_create(product: Product) -> None:
    products().filter(pk=product.pk).delete()
    products().create(pk=product.pk, slug="a", name="new")


def upsert(product: Product) -> None:
    row = Product(pk=product.pk, slug="a", name="new")
    products().bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=["name"])


def raw_delete(product: Product) -> None:
    products()._raw_delete("own")
    products().create(pk=product.pk, slug="a", name="new")


UPDATE = "UPDATE watched_product SET name = 'new' WHERE slug = 'a'"
OWN: dict[str, Callable[[Product], None]] = {
    "save": save,
    "save of some fields": lambda product: Product(pk=product.pk, name="new").save(
        using="own", update_fields=["name"]
    ),
    "update": lambda product: products().filter(pk=product.pk).update(name="new"),
    "update by an expression": lambda product: products().update(name="new", views=F("views") + 1),
    "update_or_create": lambda product: products().update_or_create(slug="a", defaults={"name": "new"}),
    "bulk_update": bulk_update,
    "in a transaction": save_in_transaction,
    "after a savepoint was rolled back": save_after_a_savepoint,
    "delete and create": replace_by_create,
    "bulk_create with update_conflicts": upsert,
    "_raw_delete": raw_delete,
    "a cursor": lambda product: sql(UPDATE),
    "a cursor with a comment": lambda product: sql(f"/* traced */ {UPDATE}"),
    "a cursor that returns rows": lambda product: sql(f"{UPDATE} RETURNING id"),
    "a cursor in a transaction": lambda product: [transaction.atomic("own")(sql)(UPDATE)],
    "ON CONFLICT DO UPDATE": lambda product: sql(
        "INSERT INTO watched_product (slug, name, text, views) VALUES ('a', 'x', '', 0) "
        "ON CONFLICT (slug) DO UPDATE SET name = 'new'"
    ),
}
OTHERS = {
    "another program": UPDATE,
    "another program's insert after delete": (
        "WITH gone AS (SELECT 1) UPDATE watched_product SET name = 'new' WHERE slug = 'a'"
    ),
}


@pytest.mark.parametrize("way", OWN)
def test_the_writers_next_read_is_new(name, product, way):
    OWN[way](product)
    assert name.get_sync(product.pk) == "new"


@pytest.mark.parametrize("way", OTHERS)
def test_what_another_program_writes_is_seen_once_the_relay_has_looked(name, product, way):
    by_another_program(OTHERS[way])
    assert relay_waiting("own") == 1
    assert name.get_sync(product.pk) == "new"


def test_a_new_tag_of_a_product_is_seen(name, product):
    products().filter(pk=product.pk)
    label = Label.objects.using("own").create(word="green")
    loads: list[int] = []

    def load(pk: int) -> int:
        loads.append(pk)
        return products().get(pk=pk).labels.count()

    labels = Resource("labels", load=load, policy=RARE, tags=lambda pk: (f"product:{pk}:page",))
    assert labels.get_sync(product.pk) == 0
    product.labels.add(label)
    assert labels.get_sync(product.pk) == 1
    sql("DELETE FROM watched_product_labels")
    assert labels.get_sync(product.pk) == 0


def test_a_column_that_no_document_shows_invalidates_nothing(name, product):
    products().update(views=7)
    assert relay_waiting("own") == 0


def test_what_was_rolled_back_invalidates_nothing(name, product):
    try:
        with transaction.atomic("own"):
            products().update(name="new")
            raise KeyError
    except KeyError:
        pass
    assert relay_waiting("own") == 0


def test_old_and_new_values_are_told_apart(alias, database, product, monkeypatch):
    from content.caching.watch import declaration

    changes: list[declaration.Change] = []
    watch = declaration.watches["watched.product"]
    monkeypatch.setitem(
        declaration.watches,
        "watched.product",
        declaration.Watch(**{**vars(watch), "tags": lambda found: changes.extend(found) or []}),
    )
    time = datetime(2026, 5, 4, 3, 2, 1, 500_000, tzinfo=UTC)
    products().update(slug="b", sold_from=time)
    products().all().delete()
    moved, gone = changes[-2:]
    assert (moved.old["slug"], moved.new["slug"]) == ("a", "b")
    assert moved.columns == {"slug", "sold_from"}
    assert declaration.time_of(moved.old["sold_from"]) is None
    assert declaration.time_of(moved.new["sold_from"]) == time
    assert gone.pk == product.pk
    assert gone.new is None
    assert gone.old["slug"] == "b"


def test_a_statement_that_writes_too_many_rows_is_one_coarse_change(name, product, monkeypatch):
    products().bulk_create(Product(slug=f"p{number}", name="old") for number in range(1500))
    from content.caching.watch.models import WatchedChange

    while relay_waiting("own"):
        pass
    WatchedChange.objects.using("own").all().delete()
    by_another_program("UPDATE watched_product SET name = 'new'")
    waiting = WatchedChange.objects.using("own").filter(epoch="")
    assert waiting.count() <= 1001
    assert waiting.filter(changes='"*"').exists()
    while relay_waiting("own"):
        pass
    assert name.get_sync(product.pk) == "new"

    def load_first() -> str:
        return products().first().name

    listed = Resource("listed", load=load_first, policy=RARE, tags=lambda: ("product-slugs",))
    assert listed.get_sync() == "new"
    by_another_program("UPDATE watched_product SET name = 'newer'")
    while relay_waiting("own"):
        pass
    assert name.get_sync(product.pk) == listed.get_sync() == "newer"


def test_truncate_is_a_change_of_all_rows(name, product):
    if connections["own"].vendor != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    sql("TRUNCATE watched_product CASCADE")
    with pytest.raises(NotThere):
        name.get_sync(product.pk)
