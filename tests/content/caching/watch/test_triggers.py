"""Triggers are found, and mended, when somebody has changed them."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from django.db import connections, models, transaction

from content.caching.watch import declaration, triggers
from content.caching.watch.models import WatchedChange
from tests.support.watched import Product


def execute(sql: str) -> None:
    with connections["own"].cursor() as cursor:
        cursor.execute(sql)


def names() -> list[str]:
    connection = connections["own"]
    return sorted(triggers.DIALECTS[connection.vendor].list_triggers(connection, "watched_product", triggers.PREFIX))


def drop(name: str) -> None:
    on = " ON watched_product" if connections["own"].vendor == "postgresql" else ""
    execute(f"DROP TRIGGER {name}{on}")


@pytest.fixture
def postgres_connection(database, request) -> Iterator[psycopg.Connection]:
    if connections[database].vendor != "postgresql":
        pytest.skip("SQLite locks the whole database, and has its own timeout")
    with psycopg.connect(request.getfixturevalue("watched_postgres"), autocommit=True) as connection:
        yield connection


def test_nothing_is_wrong_with_new_triggers(database):
    assert triggers.find_faults(database) == []
    assert triggers.mend_triggers(database) == []


STATEMENTS = {
    "insert": "INSERT INTO watched_product (slug, name, text, views) VALUES ('b', 'b', '', 0)",
    "update": "UPDATE watched_product SET name = 'b'",
    "delete": "DELETE FROM watched_product",
    "truncate": "TRUNCATE watched_product CASCADE",
}


@pytest.mark.parametrize("event", STATEMENTS)
def test_each_event_has_its_trigger(database, event):
    if event == "truncate" and connections[database].vendor == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    Product.objects.using(database).create(slug="a", name="a")
    WatchedChange.objects.using(database).all().delete()
    execute(STATEMENTS[event])
    assert WatchedChange.objects.using(database).filter(model="watched.product").exists()


def test_a_dropped_trigger_is_made_again_and_all_rows_count_as_changed(database):
    before = names()
    drop(before[0])
    (fault,) = triggers.mend_triggers(database)
    assert str(fault) == "watched_product: 1 trigger is missing"
    assert names() == before
    assert WatchedChange.objects.using(database).get().changes == '"*"'


def test_triggers_of_an_older_declaration_are_replaced(database, monkeypatch):
    before = names()
    watch = declaration.watches["watched.product"]
    newer = declaration.Watch(**{**vars(watch), "documents": {"page": frozenset(["views"])}})
    monkeypatch.setitem(declaration.watches, "watched.product", newer)
    (fault,) = triggers.mend_triggers(database)
    assert "outdated" in str(fault)
    assert names() != before
    assert len(names()) == len(before)
    WatchedChange.objects.using(database).all().delete()
    Product.objects.using(database).create(slug="a", name="a")
    Product.objects.using(database).update(views=1)
    Product.objects.using(database).update(name="b")
    assert WatchedChange.objects.using(database).count() == 3, "columns of the older release are reported too"


@pytest.mark.parametrize("change", ["DISABLE", "ENABLE"])
def test_a_trigger_that_does_not_fire_in_every_session_is_mended(database, change):
    """`pg_restore --disable-triggers` disables them and enables them as ordinary ones."""
    if connections[database].vendor != "postgresql":
        pytest.skip("SQLite cannot disable a trigger")
    execute(f"ALTER TABLE watched_product {change} TRIGGER ALL")
    (fault,) = triggers.mend_triggers(database)
    assert "not enabled in every session" in str(fault)
    assert triggers.find_faults(database) == []


def test_triggers_that_a_rebuilt_table_has_lost_are_made_again(database):
    before = names()
    field = models.IntegerField(default=0)
    field.set_attributes_from_name("weight")
    field.model = Product
    with connections[database].schema_editor() as editor:
        editor.add_field(Product, field)
    triggers.mend_triggers(database)
    assert names() == before


def test_i18_the_relay_leaves_whole_triggers_of_another_release(database, monkeypatch):
    """Two that run side by side would replace them by turns, with a change of all rows each time."""
    before = names()
    watch = declaration.watches["watched.product"]
    other = declaration.Watch(**{**vars(watch), "reads": (*watch.reads, "views")})
    monkeypatch.setitem(declaration.watches, "watched.product", other)
    assert triggers.find_faults(database)
    assert triggers.mend_triggers(database, replace=False) == []
    assert names() == before
    drop(before[0])
    assert triggers.mend_triggers(database, replace=False)
    assert triggers.find_faults(database) == []


def test_a_locked_table_is_left_for_later_with_a_warning(database, postgres_connection, caplog, monkeypatch):
    """Writers queue behind a trigger that waits for its lock."""
    before = names()
    drop(before[0])
    monkeypatch.setattr(triggers, "LONGEST_WAIT_FOR_LOCK", timedelta(milliseconds=50))
    with postgres_connection.transaction():
        postgres_connection.execute("LOCK TABLE watched_product IN SHARE MODE")
        assert triggers.mend_triggers(database) == []
    assert "Cannot mend the triggers of watched_product" in caplog.text
    assert names() == before[1:]
    assert triggers.mend_triggers(database)
    assert names() == before


def test_a_transaction_that_is_rolled_back_leaves_no_change(database):
    with transaction.atomic(database):
        Product.objects.using(database).create(slug="a", name="a")
        transaction.set_rollback(True, using=database)
    assert not WatchedChange.objects.using(database).exists()


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ({"documents": {"page": ["nmae"]}}, "no column for 'nmae'"),
        ({"documents": {"page": "name"}}, "one string"),
        ({"reads": ["labels"]}, "no column for 'labels'"),
        ({"coarse": "all"}, "one string"),
    ],
)
def test_a_wrong_declaration_is_refused_at_once(database, monkeypatch, mistake, message):
    monkeypatch.delitem(declaration.watches, "watched.product")
    with pytest.raises((TypeError, ValueError), match=message):
        declaration.watch(Product, **mistake)


def test_a_model_is_declared_once(database):
    with pytest.raises(ValueError, match="watched already"):
        declaration.watch(Product)
