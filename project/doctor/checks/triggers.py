"""The triggers that tell the cache of writes, and those that keep lists and the search up to date."""

import re
from collections.abc import Iterator

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from content.caching.watch.declaration import watches
from content.caching.watch.triggers import list_faults
from content.models import list_tables, search_index
from project.doctor.checks.database import UNREACHABLE
from project.doctor.checks.migrations import list_newer
from project.doctor.finding import Finding, error, ok, skipped, warning
from project.doctor.read_only import missing_file, read_only_connection

TRIGGER_NAME = re.compile(r"CREATE (?:CONSTRAINT )?TRIGGER (\w+)")
# What list_faults says of triggers of another declaration.
OUTDATED = "outdated"


def check_triggers() -> Iterator[Finding]:
    if missing_file():
        yield skipped(UNREACHABLE)
        return
    try:
        with read_only_connection() as connection:
            faults = list(find_trigger_faults(connection))
            is_newer = bool(list_newer(MigrationLoader(connection)))
    except DatabaseError:
        yield skipped(UNREACHABLE)
        return
    for fault in faults:
        if is_newer and OUTDATED in fault:
            yield warning(
                fault,
                "They are those of a newer release, as after a rollback: a change of a row counts as one of all.",
                "Nothing now. `manage.py migrate` of the release that stays replaces them.",
            )
            continue
        yield error(
            fault,
            "Writes past the site, as by psql, may leave old pages in the cache, or posts missing in lists.",
            "Run `manage.py migrate`, then `manage.py rebuild_lists`.",
        )
    if not faults:
        yield ok("All triggers are there.")


def find_trigger_faults(connection: BaseDatabaseWrapper) -> Iterator[str]:
    tables = set(connection.introspection.table_names())
    for watch in watches.values():
        if watch.table in tables:
            yield from (f"Table {watch.table}: {reason}." for reason in list_faults(connection, watch))
    missing = list_expected_triggers(connection) - list_existing_triggers(connection)
    if missing and "content_listedpost" in tables:
        yield f"Triggers of lists or search are missing: {', '.join(sorted(missing))}."


def list_expected_triggers(connection: BaseDatabaseWrapper) -> set[str]:
    if connection.vendor == "sqlite":
        return list_tables.sqlite_triggers().keys() | search_index.SQLITE_TRIGGERS.keys()
    return set(TRIGGER_NAME.findall("\n".join(list_tables.postgresql_triggers())))


def list_existing_triggers(connection: BaseDatabaseWrapper) -> set[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if connection.vendor == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {name for (name,) in cursor.fetchall()}
