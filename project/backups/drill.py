"""Restore a backup beside the running site, compare all of it, and remove it again."""

import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.backups import postgresql
from project.backups.aliases import database_alias
from project.backups.manifest import BadBackup, Manifest
from project.backups.restoring import check_backup, free_space_for, restore_database, restore_media


@dataclass(frozen=True)
class Drill:
    """The result of a drill: the manifest, and one line for each difference of the restored site."""

    manifest: Manifest
    differences: list[str]
    seconds: float

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.manifest.tables.values())

    @property
    def sessions(self) -> int:
        table = self.manifest.tables.get("django_session")
        return table.rows if table else 0

    @property
    def media(self) -> int:
        return sum(name.startswith("media/") for name in self.manifest.files)


def run_drill(folder: Path, server: dict[str, Any], scratch: Path | None = None) -> Drill:
    """`server`: settings of a database whose PostgreSQL gets a new database beside it; for SQLite it is not used.

    Raises BadBackup for what cannot be restored at all.
    """
    began = time.monotonic()
    manifest = check_backup(folder)
    with tempfile.TemporaryDirectory(prefix="evergreen-drill-", dir=scratch) as place:
        free_space_for(manifest, Path(place))
        with new_database(manifest, server, Path(place)) as database:
            differences = restore_database(folder, manifest, database)
        differences += restore_media(folder, manifest, Path(place) / "media")
    return Drill(manifest, differences, time.monotonic() - began)


@contextmanager
def new_database(manifest: Manifest, server: dict[str, Any], place: Path) -> Iterator[dict[str, Any]]:
    """An empty database with a new name. It is dropped at the end."""
    if manifest.database == "sqlite":
        yield {"ENGINE": "django.db.backends.sqlite3", "NAME": str(place / "drill.sqlite3")}
        return
    if server["ENGINE"] != "django.db.backends.postgresql":
        raise BadBackup("The backup is of PostgreSQL. Name a server for the drill: --server postgres://…")
    name = f"evergreen_drill_{secrets.token_hex(6)}"
    with database_alias(server) as alias:
        settings = postgresql.create_database(alias, name)
        try:
            yield settings
        finally:
            postgresql.drop_database(alias, name)
