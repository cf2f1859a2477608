"""pg_dump and pg_restore, for a database as Django's settings have it."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from django.db import connections
from psycopg.conninfo import make_conninfo

from project.backups.manifest import BadBackup

# Seconds for the whole of one program.
LONGEST = 6 * 3600
LONGEST_REASON = 500
# Options of Django or psycopg that libpq does not know.
NOT_OF_LIBPQ = ("cursor_factory", "context", "prepare_threshold", "password", "client_encoding", "assume_role")


def dump(using: str, target: Path, snapshot: str) -> None:
    """The state of that snapshot, in PostgreSQL's custom format. Raises BadBackup."""
    run(
        "pg_dump",
        using,
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        f"--snapshot={snapshot}",
        f"--file={target}",
    )


def restore(using: str, source: Path) -> None:
    """All of it or nothing. Raises BadBackup."""
    run("pg_restore", using, "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", str(source))


def run(program: str, using: str, *arguments: str) -> None:
    """The password is in the environment of the program: no other user can read that."""
    path = shutil.which(program)
    if path is None:
        raise BadBackup(f"There is no {program}. Install PostgreSQL's client programs (Debian: postgresql-client).")
    parameters = dict(connections[using].get_connection_params())
    password = parameters.get("password")
    address = make_conninfo(**{name: value for name, value in parameters.items() if name not in NOT_OF_LIBPQ})
    environment = os.environ | ({"PGPASSWORD": str(password)} if password else {})
    done = subprocess.run(
        [path, f"--dbname={address}", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=LONGEST,
        check=False,
    )
    if done.returncode:
        raise BadBackup(f"{program} failed: {' '.join(done.stderr.split())[:LONGEST_REASON]}")


def create_database(using: str, name: str) -> dict[str, Any]:
    """A new, empty one beside that of `using`. Returns its settings."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"CREATE DATABASE {connections[using].ops.quote_name(name)} TEMPLATE template0 ENCODING 'UTF8'"
        )
    return connections[using].settings_dict | {"NAME": name}


def drop_database(using: str, name: str) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {connections[using].ops.quote_name(name)}")
