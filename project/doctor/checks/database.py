"""The database: reachable and new enough."""

from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from project.doctor.finding import Finding, error, ok, warning
from project.doctor.read_only import missing_file, read_only_connection

OLDEST_POSTGRESQL, OLDEST_SQLITE = 14, (3, 35)
# Share of max_connections in use.
MANY_CONNECTIONS = 0.8
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
