"""Which fields of a watched model a plan of migrations takes away or alters."""

import pytest
from django.db import migrations, models

from content.caching.watch import declaration
from content.caching.watch.plans import list_altered_fields
from tests.support.watched import Product

NAME = models.CharField(max_length=60)
NOOP = migrations.RunPython.noop
EVERYTHING = {"id", "name"}
ADD = migrations.AddField("product", "mood", models.TextField(null=True))
LABELS = migrations.AlterField("product", "labels", models.ManyToManyField("watched.Label"))
DELETE = migrations.DeleteModel("product")
STATEMENT = migrations.RunSQL("SELECT 1")
# The operation, what it alters, and what it alters if it belongs to another app.
OPERATIONS = {
    "an index": (migrations.AddIndex("product", models.Index(fields=["name"], name="by_name")), set(), set()),
    "a new column": (ADD, set(), set()),
    "rows": (migrations.RunPython(NOOP), set(), set()),
    "another model": (migrations.AlterField("shelf", "name", NAME), set(), set()),
    "an altered column": (migrations.AlterField("product", "name", NAME), {"name"}, set()),
    "a renamed column": (migrations.RenameField("product", "name", "title"), {"name", "title"}, set()),
    "a column less": (migrations.RemoveField("product", "views"), {"views"}, set()),
    "a table less": (DELETE, EVERYTHING, set()),
    "a model with another name": (migrations.RenameModel("product", "thing"), EVERYTHING, set()),
    "a table with another name": (migrations.AlterModelTable("product", "things"), EVERYTHING, set()),
    "any statement": (STATEMENT, EVERYTHING, EVERYTHING),
    "any statement inside": (migrations.SeparateDatabaseAndState([STATEMENT]), EVERYTHING, EVERYTHING),
    "the state alone": (migrations.SeparateDatabaseAndState([], [DELETE]), set(), set()),
    "an unknown operation": (migrations.AlterOrderWithRespectTo("product", "shelf"), EVERYTHING, EVERYTHING),
}


def list_altered(operation, watch, *, backwards: bool = False, app: str = "watched") -> set[str]:
    migration = migrations.Migration("0002", app)
    migration.operations = [operation]
    return list_altered_fields([(migration, backwards)], watch)


@pytest.fixture
def watch(monkeypatch) -> declaration.Watch:
    monkeypatch.setattr(declaration, "watches", {})
    return declaration.watch(Product, documents={"page": ["name"]})


@pytest.mark.parametrize("name", OPERATIONS)
def test_fields_that_an_operation_alters(watch, name):
    operation, altered, in_another_app = OPERATIONS[name]
    assert list_altered(operation, watch) == altered
    assert list_altered(operation, watch, app="other") == in_another_app


def test_a_plan_backwards_alters_what_it_made(watch):
    assert list_altered(ADD, watch, backwards=True) == {"mood"}
    assert list_altered(migrations.RemoveField("product", "name"), watch, backwards=True) == set()
    assert list_altered(migrations.CreateModel("product", []), watch, backwards=True) == EVERYTHING


def test_a_field_to_many_rows_has_a_table_of_its_own(watch):
    links = declaration.watch(Product.labels.through, reads=["product", "label"])
    assert list_altered(LABELS, links) == {"id", "product", "product_id", "label", "label_id"}
    assert list_altered(migrations.AlterField("product", "name", NAME), links) == set()
