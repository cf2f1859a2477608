"""Restore a backup into an empty database and an empty folder."""

import shutil
from pathlib import Path
from typing import Any

from django.db import connections

from content.caching.watch.declaration import watches
from content.caching.watch.models import WatchedChange
from content.caching.watch.outbox import ALL_ROWS
from project.backups import postgresql, sqlite
from project.backups.aliases import database_alias
from project.backups.manifest import BadBackup, Manifest, compare_files, copy_file, is_inside, read_manifest
from project.backups.tables import compare_tables, digest_tables, list_migrations
from project.doctor.checks.triggers import find_trigger_faults

ENGINES = {"postgresql": "django.db.backends.postgresql", "sqlite": "django.db.backends.sqlite3"}


def check_backup(folder: Path) -> Manifest:
    """The manifest of a backup whose files are all there and unchanged. Raises BadBackup."""
    manifest = read_manifest(folder)
    if outside := [name for name in manifest.files if not is_inside(name)]:
        raise BadBackup(f"The manifest names files outside of the backup, such as {outside[0]!r}.")
    if differences := compare_files(folder, manifest.files):
        raise BadBackup("The backup is broken:\n" + "\n".join(f"  {line}" for line in differences))
    return manifest


def restore_database(folder: Path, manifest: Manifest, database: dict[str, Any]) -> list[str]:
    """Fill that empty database. Returns how it differs from the manifest. Raises BadBackup."""
    if database["ENGINE"] != ENGINES[manifest.database]:
        raise BadBackup(f"The backup is of {manifest.database}, and the database is not.")
    source = folder / manifest.database_file
    if manifest.database == "sqlite":
        restore_sqlite(source, Path(str(database["NAME"])))
    with database_alias(database) as alias:
        if manifest.database == "postgresql":
            require_empty(alias)
            postgresql.restore(alias, source)
        return compare_database(alias, manifest)


def restore_sqlite(source: Path, target: Path) -> None:
    if target.exists() and target.stat().st_size:
        raise BadBackup(f"{target} exists already. Restore into a new file.")
    sqlite.check_integrity(source)
    copy_file(source, target)


def require_empty(alias: str) -> None:
    tables = connections[alias].introspection.table_names()
    if tables:
        name = connections[alias].settings_dict["NAME"]
        raise BadBackup(f"The database {name} has {len(tables)} tables. Create an empty one for the restored site.")


def compare_database(alias: str, manifest: Manifest) -> list[str]:
    """Rows and digests of each table, migrations and triggers."""
    differences = compare_tables(manifest.tables, digest_tables(alias))
    if list_migrations(alias) != manifest.migrations:
        differences.append("Other migrations are applied than were.")
    return differences + list(find_trigger_faults(connections[alias]))


def restore_media(folder: Path, manifest: Manifest, target: Path) -> list[str]:
    """Copy all media into an empty folder. Returns how it differs. Raises BadBackup."""
    if target.is_dir() and any(target.iterdir()):
        raise BadBackup(f"{target} is not empty. Restore the media into a new folder.")
    target.mkdir(parents=True, exist_ok=True)
    for name in manifest.files:
        if name.startswith("media/"):
            copy_file(folder / name, target / name.removeprefix("media/"))
    return compare_files(target, manifest.files, below="media/")


def invalidate_everything(database: dict[str, Any]) -> int:
    """Note a change of every row in the restored outbox: caches that stem from a later state end.

    The notes are in the restored database, so that they are relayed when the site begins to use it, and not before.
    Returns their number.
    """
    with database_alias(database) as alias:
        return note_changes_of_all_rows(alias)


def note_changes_of_all_rows(alias: str) -> int:
    rows = [WatchedChange(model=watch.label, changes=ALL_ROWS) for watch in watches.values()]
    return len(WatchedChange.objects.using(alias).bulk_create(rows))


def free_space_for(manifest: Manifest, folder: Path) -> None:
    """Raises BadBackup if the folder's disk cannot hold what is restored."""
    # The restored database has indexes, which a dump has not.
    needed = sum(stored.bytes for stored in manifest.files.values()) * 2
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BadBackup(f"{folder} has {free >> 20:,} MB left; {needed >> 20:,} MB are needed.")
