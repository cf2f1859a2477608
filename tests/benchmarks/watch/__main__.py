"""`make bench ONLY=watch`: what triggers cost a writer, and what many rows and many writers cost the log.

`python -m tests.benchmarks.watch [postgresql|sqlite ...] [single|many|writers ...] [long]`. `long` takes rounds
enough for an interval, and a minute of writers. Each part prints what it has measured as it goes.
"""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import dj_database_url

from tests.benchmarks.cores import FOR_THE_LOAD, FOR_THE_SERVER, pin_to_core
from tests.support.servers.postgres import running_postgres
from tests.support.servers.redis import running_redis

DATABASES = ("postgresql", "sqlite")
PARTS = ("single", "many", "writers")
LONG = "long"


def main(wanted: Sequence[str]) -> None:
    """Each database in a process of its own, since settings are made once."""
    databases = [name for name in wanted if name in DATABASES] or list(DATABASES)
    others = [word for word in wanted if word not in DATABASES]
    if len(databases) == 1:
        parts = [name for name in PARTS if name in wanted] or list(PARTS)
        measure(databases[0], parts, is_long=LONG in wanted)
        return
    for name in databases:
        subprocess.run([sys.executable, "-m", "tests.benchmarks.watch", name, *others], check=True)


def measure(vendor: str, parts: Sequence[str], *, is_long: bool) -> None:
    with (
        pin_to_core(FOR_THE_LOAD),
        running_redis() as server,
        running_postgres() as postgres,
        server.client() as client,
        tempfile.TemporaryDirectory() as folder,
    ):
        url = postgres.url if vendor == "postgresql" else f"sqlite:///{folder}/db"
        from tests.benchmarks.watch import tables

        tables.configure(server.url, dict(dj_database_url.parse(url, conn_max_age=None)))
        from tests.benchmarks.watch import statements, writers

        with pin_to_core(FOR_THE_SERVER):
            asyncio.run(statements.compare(client, parts, is_long=is_long))
            if vendor == "postgresql" and "writers" in parts:
                writers.compare(url, is_long=is_long)


if __name__ == "__main__":
    main(sys.argv[1:])
