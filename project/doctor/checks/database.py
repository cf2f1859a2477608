"""The database: reachable, new enough, migrated, and with the triggers that keep the cache right."""

import re
from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from content.caching.watch.declaration import watches
from content.caching.watch.triggers import list_faults
from content.models import list_tables, search_index
from content.ops.migrations import is_contract
from project.doctor.finding import Finding, error, ok, skipped, warning
from project.doctor.read_only import missing_file, read_only_connection

OLDEST_POSTGRESQL, OLDEST_SQLITE = 14, (3, 35)
# Share of max_connections in use.
MANY_CONNECTIONS = 0.8
TRIGGER_NAME = re.compile(r"CREATE (?:CONSTRAINT )?TRIGGER (\w+)")
UNREACHABLE = "The database does not answer; the finding of the category database says why."


def check_database() -> Iterator[Finding]:
    if file := missing_file():
        yield error(
            f"The database {file} does not exist.", "The site has no tables.", "Run `manage.py prepare`, or restore."
        )
        return
    try:
        with read_only_connection() as connection:
            yield from (check_postgresql if connection.vendor == "postgresql" else check_sqlite)(connection)
    except DatabaseError as failure:
        yield error(
            f"The database cannot be read: {first_line(failure)}.",
            "Readers get what is cached; nobody can write.",
            "Check DATABASE_URL, the server, its disk and its rights.",
        )


def first_line(failure: Exception) -> str:
    return (str(failure).strip().splitlines() or [type(failure).__name__])[0].rstrip(".")


def check_sqlite(connection: BaseDatabaseWrapper) -> Iterator[Finding]:
    version = ".".join(map(str, connection.get_database_version()))
    if connection.get_database_version() < OLDEST_SQLITE:
        yield error(f"SQLite is {version}.", "The site needs 3.35 or newer.", "Use a newer Python.")
    mode, encoding = fetch(connection, "PRAGMA journal_mode"), fetch(connection, "PRAGMA encoding")
    if mode != "wal":
        yield warning(
            f"The journal mode of SQLite is {mode}.",
            "Each writer stops all readers.",
            "Start the site once: it sets WAL. It cannot on network file systems; use PostgreSQL there.",
        )
    if encoding != "UTF-8":
        yield wrong_encoding(encoding)
    yield ok(f"SQLite {version} answers: {settings.DATABASES['default']['NAME']}, journal {mode}, {encoding}.")


def check_postgresql(connection: BaseDatabaseWrapper) -> Iterator[Finding]:
    version = connection.get_database_version()
    if version[0] < OLDEST_POSTGRESQL:
        yield error(f"PostgreSQL is {version[0]}.", "The site needs 14 or newer.", "Upgrade the server.")
    encoding = fetch(connection, "SHOW server_encoding")
    if encoding != "UTF8":
        yield wrong_encoding(encoding)
    most = int(fetch(connection, "SHOW max_connections"))
    used = int(fetch(connection, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"))
    if used > most * MANY_CONNECTIONS:
        yield warning(
            f"{used} of {most} connections of PostgreSQL are in use.",
            "New processes will be refused.",
            "Raise max_connections, or lower EVERGREEN_DATABASE_MAX_AGE: docs/scaling.md counts them.",
        )
    yield ok(f"PostgreSQL {'.'.join(map(str, version))} answers: {encoding}, {used} of {most} connections in use.")


def wrong_encoding(encoding: str) -> Finding:
    return error(
        f"The encoding of the database is {encoding}.",
        "Text outside it cannot be stored.",
        "Create a database with UTF-8, and move the site there: docs/backups.md.",
    )


def fetch(connection: BaseDatabaseWrapper, query: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return str(cursor.fetchone()[0])


def check_migrations() -> Iterator[Finding]:
    if missing_file():
        yield skipped(UNREACHABLE)
        return
    try:
        with read_only_connection() as connection:
            yield from compare_migrations(MigrationExecutor(connection))
    except DatabaseError:
        yield skipped(UNREACHABLE)


def compare_migrations(executor: MigrationExecutor) -> Iterator[Finding]:
    loader = executor.loader
    plan = [migration for migration, _ in executor.migration_plan(loader.graph.leaf_nodes())]
    waiting = [migration for migration in plan if not is_contract(migration)]
    contracts = [migration for migration in plan if is_contract(migration)]
    own = {key[0] for key in loader.graph.nodes}
    known = loader.disk_migrations.keys() | {
        replaced for migration in loader.disk_migrations.values() for replaced in migration.replaces
    }
    unknown = sorted(key for key in loader.applied_migrations or {} if key[0] in own and key not in known)
    if waiting:
        yield warning(
            f"{len(waiting)} migrations wait: {', '.join(map(str, waiting[:5]))}{' …' if len(waiting) > 5 else ''}.",
            "This release's code expects tables that are not there yet.",
            "Run `manage.py migrate` before this release serves; docs/upgrading.md has the order.",
        )
    if contracts:
        yield warning(
            f"{len(contracts)} contract migrations wait: {', '.join(map(str, contracts))}.",
            "The last upgrade is not finished: columns and tables of the release before are still there.",
            "Run `manage.py contract` once only this release serves.",
        )
    if unknown:
        yield error(
            f"The database has {len(unknown)} migrations that this code lacks, such as {'.'.join(unknown[-1])}.",
            "A newer release has changed the tables. This one may not fit.",
            "Use the newer release, or check that it only expanded the tables: docs/upgrading.md.",
        )
    if not plan and not unknown:
        yield ok(f"All {len(loader.applied_migrations or {})} migrations are applied.")


def check_triggers() -> Iterator[Finding]:
    """Those that tell the cache of writes, and those that keep lists and the search up to date."""
    if missing_file():
        yield skipped(UNREACHABLE)
        return
    try:
        with read_only_connection() as connection:
            faults = list(find_trigger_faults(connection))
    except DatabaseError:
        yield skipped(UNREACHABLE)
        return
    for fault in faults:
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
