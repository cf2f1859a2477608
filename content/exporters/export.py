"""Export the site into a folder, as of one moment."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from content.exporters.folder import new_folder, write_manifest
from content.exporters.media import media_records
from content.exporters.posts import write_posts
from content.exporters.tables import COMMENTS_FILE, MEDIA_FILE, PLAIN_TABLES, comment_records, write_rows

READ_ONLY_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


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
