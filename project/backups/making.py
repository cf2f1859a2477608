"""Make a backup: the database at one moment, then the media, then the manifest."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import django
from django.conf import settings
from django.db import connection, transaction

from project.backups import postgresql, sqlite
from project.backups.aliases import database_alias
from project.backups.folder import new_backup
from project.backups.manifest import (
    DATABASE_FILES,
    BadBackup,
    Manifest,
    StoredFile,
    Table,
    copy_file,
    digest_file,
    write_manifest,
)
from project.backups.tables import digest_tables, list_migrations


def make_backup(folder: Path, *, with_secrets: bool = False) -> Path:
    """A new folder below `folder`. Raises BadBackup, and leaves nothing then."""
    at = datetime.now(UTC)
    with new_backup(folder, at) as partial:
        tables, migrations = copy_site_database(partial)
        if not migrations:
            raise BadBackup("The database has no tables: there is nothing to back up. Check DATABASE_URL.")
        files = {DATABASE_FILES[connection.vendor]: digest_file(partial / DATABASE_FILES[connection.vendor])}
        files |= copy_media(partial / "media")
        if with_secrets:
            files |= copy_secrets(partial / "secrets")
        manifest = Manifest(
            at=at.timestamp(),
            database="postgresql" if connection.vendor == "postgresql" else "sqlite",
            versions=versions(),
            migrations=migrations,
            tables=tables,
            files=files,
        )
        write_manifest(partial, manifest)
    return folder / partial.name.removeprefix(".partial-")


def copy_site_database(folder: Path) -> tuple[dict[str, Table], list[str]]:
    """Returns the digests of the tables and the names of the migrations, as they are in the copy."""
    target = folder / DATABASE_FILES[connection.vendor]
    if connection.vendor == "postgresql":
        with snapshot() as name:
            postgresql.dump("default", target, name)
            return digest_tables("default"), list_migrations("default")
    sqlite.copy_database(Path(str(connection.settings_dict["NAME"])), target)
    with database_alias({"ENGINE": "django.db.backends.sqlite3", "NAME": str(target)}) as alias:
        return digest_tables(alias), list_migrations(alias)


@contextmanager
def snapshot() -> Iterator[str]:
    """One state of PostgreSQL for this connection, and for programs that get its name. Writers do not wait."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        yield str(cursor.fetchone()[0])


def versions() -> dict[str, str]:
    database = ".".join(map(str, connection.get_database_version()))
    return {
        "release": str(settings.CACHE_RELEASE),
        "python": platform.python_version(),
        "django": django.get_version(),
        connection.vendor: database,
    }


def copy_media(target: Path) -> dict[str, StoredFile]:
    """All files but links. Uploads are stored before their row is; what is deleted meanwhile is left out."""
    source, files = Path(settings.MEDIA_ROOT), {}
    for path in sorted(source.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        name = path.relative_to(source).as_posix()
        try:
            files[f"media/{name}"] = copy_file(path, target / name)
        except FileNotFoundError:
            (target / name).unlink(missing_ok=True)
    return files


def copy_secrets(target: Path) -> dict[str, StoredFile]:
    """.env and the secret key, mode 0600: a reader of them can forge sessions."""
    sources = [
        path for path in (settings.BASE_DIR / ".env", Path(settings.STATE_DIR) / "secret_key") if path.is_file()
    ]
    return {f"secrets/{path.name}": copy_file(path, target / path.name) for path in sources}
