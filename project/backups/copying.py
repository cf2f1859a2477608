"""Copy a site into an empty PostgreSQL, and compare every row."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connections, transaction
from django.db.models import GeneratedField, Model

from content.caching.watch.models import PendingChanges, WatchedChange
from content.models import ListCount, ListedPost
from project.backups.aliases import database_alias
from project.backups.manifest import BadBackup, Table
from project.backups.restoring import note_changes_of_all_rows, require_empty
from project.backups.tables import compare_tables, digest_tables, digest_without_keys, models_of_site
from project.doctor.checks.triggers import find_trigger_faults

# Triggers of the new database fill the first two; the others are notes of the old one to itself.
DERIVED = (ListCount, ListedPost, PendingChanges, WatchedChange)
ROWS_AT_ONCE = 1000


def copy_site(database: dict[str, Any]) -> tuple[int, list[str]]:
    """Returns the number of rows, and how the copy differs: one line each. Raises BadBackup.

    Nobody can write to SQLite meanwhile.
    """
    if database["ENGINE"] != "django.db.backends.postgresql":
        raise BadBackup("The new database is no PostgreSQL.")
    models = [model for model in models_of_site() if model not in DERIVED]
    with database_alias(database) as alias:
        require_empty(alias)
        call_command("migrate", database=alias, verbosity=0, interactive=False)
        with transaction.atomic(), transaction.atomic(using=alias):
            rows = fill(alias, models)
            wanted = digest_tables("default", models) | digest_derived("default")
        found = digest_tables(alias, models) | digest_derived(alias)
        differences = compare_tables(wanted, found) + list(find_trigger_faults(connections[alias]))
    return rows, differences


def fill(alias: str, models: Sequence[type[Model]]) -> int:
    """Foreign keys are checked at the commit, so that the order of the tables does not matter."""
    connection = connections[alias]
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        # The rows that migrations made: they have other numbers here.
        tables = ", ".join(quote(model._meta.db_table) for model in models_of_site())
        cursor.execute(f"TRUNCATE {tables}")
        rows = sum(copy_table(alias, model) for model in models)
        for statement in connection.ops.sequence_reset_sql(no_style(), list(models)):
            cursor.execute(statement)
    WatchedChange.objects.using(alias).all().delete()
    note_changes_of_all_rows(alias)
    return rows


def copy_table(alias: str, model: type[Model]) -> int:
    """Plain INSERTs: the ORM would set some times to now."""
    connection = connections[alias]
    quote = connection.ops.quote_name
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, GeneratedField)]
    columns = ", ".join(quote(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    insert = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608
    found = model._base_manager.order_by("pk").values_list(*(field.attname for field in fields))
    rows, count = found.iterator(chunk_size=ROWS_AT_ONCE), 0
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        values = [
            [field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True)]
            for row in batch
        ]
        with connection.cursor() as cursor:
            cursor.executemany(insert, values)
        count += len(batch)
    return count


def digest_derived(using: str) -> dict[str, Table]:
    """The tables that triggers fill."""
    return {model._meta.db_table: digest_without_keys(using, model) for model in (ListCount, ListedPost)}
