"""A database for each service that tests start: SQLite in its state folder, unless they run on PostgreSQL."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

ON_POSTGRES = os.environ.get("EVERGREEN_TEST_DATABASE") == "postgres"


def database_of(state_dir: Path) -> dict[str, str]:
    """Its environment variables; the same folder has the same database."""
    if not ON_POSTGRES:
        return {}
    name = "site_" + hashlib.blake2b(str(state_dir).encode(), digest_size=8).hexdigest()
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server.replace("postgres://", "postgresql://"), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(f'CREATE DATABASE "{name}"')
    return {"DATABASE_URL": f"{server.rpartition('/')[0]}/{name}"}


def url_of(connection: BaseDatabaseWrapper) -> str:
    """The URL of the database of this process, for another process."""
    name = connection.settings_dict["NAME"]
    return f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}" if ON_POSTGRES else f"sqlite:///{name}"


@contextmanager
def close_at_the_end() -> Iterator[None]:
    """Close the connections of all threads: PostgreSQL drops no database with open connections."""
    made: list[BaseDatabaseWrapper] = []

    def note(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
        if connection not in made:
            made.append(connection)

    connection_created.connect(note)
    try:
        yield
    finally:
        connection_created.disconnect(note)
        for connection in made:
            connection.inc_thread_sharing()
            connection.close()


@contextmanager
def fresh_postgres(server: str) -> Iterator[str]:
    """The URL of a new, empty database on that server. It is dropped at the end."""
    name = f"fresh_{secrets.token_hex(6)}"
    with psycopg.connect(server.replace("postgres://", "postgresql://"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
