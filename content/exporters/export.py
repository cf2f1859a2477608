"""Export the site into a folder, as of one moment. The folder gets its name and its manifest when it is complete."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from content.exporters.records import MANIFEST, VERSION, dump_yaml
from content.exporters.tables import (
    COMMENTS_FILE,
    MEDIA_FILE,
    PLAIN_TABLES,
    comment_records,
    media_records,
    write_posts,
    write_rows,
)

READ_ONLY_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
NOTICE = """\
# An export of a site: all that its publisher owns, drafts, passwords of posts and readers' mail addresses included.
# Keep it private. `manage.py import_content` with the name of this folder takes it back.
"""


@dataclass
class ExportReport:
    """The number of exported rows by kind, and warnings about incomplete ones."""

    counts: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        return {"counts": dict(self.counts), "warnings": self.warnings}

    def summary(self) -> str:
        return ", ".join(f"{count:,} {kind}" for kind, count in self.counts.items() if count) or "nothing"


Progress = Callable[[ExportReport], None]


def export_content(
    folder: Path, *, force: bool = False, now: datetime | None = None, progress: Progress = lambda report: None
) -> ExportReport:
    """Write all that a publisher owns as files that `import_content` reads; accounts and view counts are left out.

    The database is read as of one moment, in memory that does not grow with it. Raises CannotExport, and leaves
    nothing behind then.
    """
    report = ExportReport()
    with new_folder(folder, force=force) as place, snapshot():
        for table in PLAIN_TABLES:
            report.counts[table.name] = write_rows(place / table.file_name, table.records())
        report.counts["media"] = write_rows(place / MEDIA_FILE, media_records(place, report.warnings))
        for kind in write_posts(place):
            report.counts[kind] += 1
            progress(report)
        report.counts["comments"] = write_rows(place / COMMENTS_FILE, comment_records())
        write_manifest(place, report.counts, now or timezone.now())
    return report


@contextmanager
def snapshot() -> Iterator[None]:
    """Every query within reads the database as of one moment, and no writer waits for it.

    Django's own transactions take SQLite's write lock when they begin (project/settings.py), so this one is
    begun by hand. Within a transaction of the caller, that transaction is used.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(READ_ONLY_SNAPSHOT)
            yield


class CannotExport(Exception):
    """The folder cannot become an export. The message gives the reason, and what to do."""


@contextmanager
def new_folder(folder: Path, *, force: bool) -> Iterator[Path]:
    """A temporary folder beside `folder`, readable by its owner alone, renamed when the block ends without an error.

    With `force` it replaces an existing export or an empty folder, and never anything else. Raises CannotExport.
    """
    folder = folder.absolute()
    check_folder(folder, force)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{folder.name[:100]}.", suffix=".partial", dir=folder.parent))
    except OSError as error:
        raise CannotExport(f"{folder} cannot be written: {error.strerror}.") from error
    try:
        yield place
        # On the disk before it is renamed, or a power cut could leave empty files in a folder that looks complete.
        os.sync()
        replace_folder(place, folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def check_folder(folder: Path, force: bool) -> None:
    """Raises CannotExport if something exists that may not be replaced."""
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise CannotExport(f"{folder} is no folder.")
    if not force:
        raise CannotExport(f"{folder} exists already. Name another folder, or replace it with --force.")
    if any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise CannotExport(f"{folder} is no export, and is not replaced. Name another folder, or empty it yourself.")


def replace_folder(place: Path, folder: Path) -> None:
    """Rename `place` to `folder`, and remove the old one. For a moment in between there is neither."""
    if not folder.exists():
        place.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name[:100]}.", suffix=".old", dir=folder.parent))
    folder.rename(old / folder.name)
    try:
        place.rename(folder)
    except OSError:
        (old / folder.name).rename(folder)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def write_manifest(place: Path, counts: Mapping[str, int], now: datetime) -> None:
    """The file that makes a folder an export: written last, read first."""
    values = {"evergreen": VERSION, "exported_at": now, "counts": dict(counts)}
    (place / MANIFEST).write_text(NOTICE + dump_yaml(values), encoding="utf-8")
