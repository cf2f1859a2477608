"""A migration that adds a column ends no entry, and no write is missed; one that alters a watched column ends all."""

import pytest
from django.db import connections, migrations, models

from content.caching import RARE, Resource
from content.caching.engines import engine_of
from content.caching.ordering.tag_index import Kind
from content.caching.watch import declaration, triggers
from content.caching.watch.models import WatchedChange
from content.caching.watch.relay import relay_waiting
from tests.support.watched import Product, by_another_program, products

LABEL = "watched.product"
TEXT = models.TextField(null=True)
ADD = migrations.AddField("product", "mood", TEXT)
ADD_MOOD = "ALTER TABLE watched_product ADD COLUMN mood text"


class NextWatch(declaration.Watch):
    """The next release declares products: its pages show a column that its migration adds."""

    @property
    def columns(self) -> tuple[str, ...]:
        return (*super().columns, "mood")


def declare(monkeypatch, kind: type[declaration.Watch], **changed) -> None:
    """As another release declares products."""
    watch = kind(**{**vars(declaration.watches[LABEL]), **changed})
    monkeypatch.setitem(declaration.watches, LABEL, watch)


def declare_next(monkeypatch) -> None:
    """It no longer shows or reads the slug, which is in the tags of the release before."""
    documents = {"page": frozenset(["name", "text", "mood"])}
    declare(monkeypatch, NextWatch, documents=documents, reads=(), tags=lambda changes: ["next"])


def migrate(operation, *statements: str, has_run: bool = False) -> None:
    """As `migrate` does around its migrations. `has_run`: a process of the new release may have read."""
    before, migration = triggers.columns_of_tables("own"), migrations.Migration("0002", "watched")
    migration.operations = [operation]
    triggers.prepare_for_plan([(migration, False)], "own")
    for statement in statements:
        execute(statement)
    triggers.mend_triggers("own", before=before, has_run=lambda: has_run)


def execute(text: str) -> None:
    with connections["own"].cursor() as cursor:
        cursor.execute(text)


def changes() -> list[str]:
    """Those of products that the outbox has, the oldest first."""
    found = WatchedChange.objects.using("own").filter(model=LABEL).order_by("pk")
    return list(found.values_list("changes", flat=True))


def forget_changes() -> None:
    WatchedChange.objects.using("own").all().delete()


@pytest.fixture
def product(database) -> Product:
    made = products().create(slug="a", name="old")
    forget_changes()
    return made


def relay_all() -> None:
    while relay_waiting("own"):
        pass


@pytest.mark.parametrize("alias", ["redis"], indirect=True)
def test_a_new_column_ends_no_entry_of_the_release_that_serves(alias, database, product, monkeypatch):
    loads = []

    def load(pk: int) -> str:
        loads.append(pk)
        return products().get(pk=pk).name

    tags = ("product:1:page", "product:*", "product-slugs", "product-slug:a")
    name = Resource("name_in_a_migration", load=load, policy=RARE, tags=lambda pk: tags)
    serving = declaration.watches[LABEL]
    assert name.get_sync(product.pk) == "old"
    declare_next(monkeypatch)
    migrate(ADD, ADD_MOOD)
    assert changes() == []
    monkeypatch.setitem(declaration.watches, LABEL, serving)
    relay_all()
    by_another_program("UPDATE watched_product SET mood = 'merry'")
    relay_all()
    assert name.get_sync(product.pk) == "old"
    assert loads == [product.pk]
    by_another_program("UPDATE watched_product SET name = 'new'")
    relay_all()
    assert name.get_sync(product.pk) == "new"


@pytest.mark.parametrize("alias", ["redis"], indirect=True)
def test_both_releases_name_the_rows_of_a_change_by_the_triggers_of_the_new_one(alias, product, monkeypatch):
    """The release before still reads the slug: without it all products would count as changed."""
    serving = declaration.watches[LABEL]
    declare_next(monkeypatch)
    migrate(ADD, ADD_MOOD)
    forget_changes()
    by_another_program("UPDATE watched_product SET name = 'new', mood = 'merry'")
    for watch, tag in ((declaration.watches[LABEL], "next"), (serving, "product-slug:a")):
        monkeypatch.setitem(declaration.watches, LABEL, watch)
        relay_all()
        index = engine_of("default").ordering.tag_index
        assert index.last_position(Kind.INVALIDATE, tag) > (0, 0)
        assert index.last_position(Kind.INVALIDATE, "product:*") == (0, 0)
    assert not WatchedChange.objects.using("own").exclude(failure="").exists()


def test_rows_that_are_written_while_a_column_is_added_are_named(product, monkeypatch):
    """Also by a session whose plans of the triggers are older than the column."""
    execute("UPDATE watched_product SET name = 'before'")
    forget_changes()
    declare_next(monkeypatch)
    update = "UPDATE watched_product SET name = 'while'"
    migrate(ADD, ADD_MOOD, update)
    execute("UPDATE watched_product SET name = 'after'")
    assert [text.startswith(f"[[{product.pk},") for text in changes()] == [True, True]


def test_a_column_that_was_there_and_unwatched_counts_as_changed_in_all_rows(product, monkeypatch):
    """Entries that the next release shares may show it."""
    declare(monkeypatch, declaration.Watch, documents={"page": frozenset(["name", "views"])})
    migrate(ADD, ADD_MOOD)
    assert changes() == ['"*"']


def test_a_new_column_counts_as_changed_if_its_release_has_run_before(product, monkeypatch):
    """It may have read the column before its value came."""
    declare_next(monkeypatch)
    migrate(ADD, ADD_MOOD, has_run=True)
    assert changes() == ['"*"']


def test_a_column_that_is_taken_back_is_not_named_and_comes_back(product, monkeypatch):
    """Else all writes of the release before would fail."""
    declare_next(monkeypatch)
    migrate(ADD, ADD_MOOD)
    migrate(migrations.RemoveField("product", "mood"), "ALTER TABLE watched_product DROP COLUMN mood")
    forget_changes()
    execute("UPDATE watched_product SET name = 'new'")
    assert [text[:2] for text in changes()] == ["[["]
    migrate(ADD, ADD_MOOD)
    forget_changes()
    execute("UPDATE watched_product SET mood = 'merry'")
    assert [text[:2] for text in changes()] == ["[["]


def test_django_adds_a_column_beside_the_triggers(product, monkeypatch):
    field = models.TextField(null=True)
    field.set_attributes_from_name("mood")
    field.model = Product
    with connections["own"].schema_editor() as editor:
        editor.add_field(Product, field)
    assert triggers.find_faults("own") == []


def test_a_migration_without_news_for_the_triggers_leaves_no_change(database):
    forget_changes()
    migrate(migrations.AddField("shelf", "width", TEXT), "ALTER TABLE watched_shelf ADD COLUMN width text")
    triggers.mend_triggers(database, before=None)
    assert not WatchedChange.objects.using(database).exists()


def test_while_a_watched_column_is_altered_each_write_is_a_change_of_all_rows(product):
    """No trigger may name it, and its values may change without a write."""
    update = "UPDATE watched_product SET name = 'while'"
    migrate(migrations.AlterField("product", "name", models.CharField(max_length=60)), update)
    assert changes() == ['"*"', '"*"']
    assert triggers.find_faults("own") == []


def test_a_column_of_the_release_before_is_taken_away_under_writers(product, monkeypatch):
    """Triggers that name it would fail their statements."""
    declare_next(monkeypatch)
    migrate(ADD, ADD_MOOD)
    assert any("sold_from" in text for text in texts())
    forget_changes()
    update = "UPDATE watched_product SET name = 'while'"
    migrate(
        migrations.RemoveField("product", "sold_from"), "ALTER TABLE watched_product DROP COLUMN sold_from", update
    )
    assert [text[:2] for text in changes()] == ["[["]
    assert not any("sold_from" in text for text in texts())


def texts() -> list[str]:
    connection = connections["own"]
    return list(triggers.DIALECTS[connection.vendor].list_triggers(connection, "watched_product", "").values())


def test_columns_of_the_release_before_the_last_are_dropped(product, monkeypatch):
    declare_next(monkeypatch)
    migrate(ADD, ADD_MOOD)
    declare(monkeypatch, NextWatch, documents={"page": frozenset(["mood"])})
    migrate(migrations.RunPython(migrations.RunPython.noop))
    assert not any("sold_from" in text for text in texts())


def test_triggers_that_do_not_say_what_they_report_count_as_unseen(product, monkeypatch):
    """Those of an older version, or whose comment somebody has changed."""
    declare_next(monkeypatch)
    monkeypatch.setattr(triggers, "read_comment", lambda text: None)
    migrate(ADD, ADD_MOOD)
    assert changes() == ['"*"']


@pytest.mark.parametrize("column", ["views", "name"])
def test_a_statement_that_writes_many_rows_counts_those_that_look_different(
    product, postgres_only, monkeypatch, column
):
    monkeypatch.setattr(triggers, "MAX_ROWS", 3)
    for watch in triggers.watches_of("own"):
        triggers._install(connections["own"], watch)
    products().bulk_create(Product(slug=f"{number}", name="old") for number in range(5))
    forget_changes()
    value = "1" if column == "views" else "'new'"
    execute(f"UPDATE watched_product SET {column} = {value}")
    assert changes() == ([] if column == "views" else ['"*"'])


@pytest.fixture
def postgres_only(database) -> None:
    if connections[database].vendor != "postgresql":
        pytest.skip("SQLite's triggers see one row at a time")
