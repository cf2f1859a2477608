"""Empty the database after a test that commits, without the work that Django does after migrations."""

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connection
from django.test import TransactionTestCase

from content.caching.watch.models import PendingChanges, WatchedChange

# Migrations end with these rows. To make them again takes twenty times as long as to empty all other tables.
MIGRATED = (ContentType, Permission, Group, Group.permissions.through)
MIGRATED_TABLES = {model._meta.db_table for model in MIGRATED}
# Emptied last: triggers on the others write into them.
OUTBOX = [model._meta.db_table for model in (WatchedChange, PendingChanges)]

Rows = list[list[tuple[object, ...]]]


class QuickFlush:
    """The flush of `TransactionTestCase`. Django's own follows a test that has changed the rows of migrations."""

    def __init__(self) -> None:
        self.flush_all = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
        self.migrated: Rows = []

    def install(self) -> None:
        """Called when the tables have just been made."""
        self.migrated = read_migrated()
        TransactionTestCase._fixture_teardown = lambda case: self.flush(case)  # type: ignore[attr-defined]

    def flush(self, case: TransactionTestCase) -> None:
        is_usual = case.databases == {"default"} and not (case.available_apps or case.serialized_rollback)
        if is_usual and read_migrated() == self.migrated:
            empty_other_tables()
        else:
            self.flush_all(case)
            self.migrated = read_migrated()


def read_migrated() -> Rows:
    return [list(model.objects.order_by("pk").values_list()) for model in MIGRATED]


def empty_other_tables() -> None:
    tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False))
    tables -= MIGRATED_TABLES
    order = [*sorted(tables - set(OUTBOX)), *OUTBOX]
    statements = connection.ops.sql_flush(no_style(), order, reset_sequences=False, allow_cascade=False)
    connection.ops.execute_sql_flush(statements)
