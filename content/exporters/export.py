from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.utils import timezone

from content.exporters.folder import whole_or_not_at_all
from content.exporters.manifest import write_manifest
from content.exporters.media import media_records
from content.exporters.posts import write_posts
from content.exporters.report import ExportReport
from content.exporters.snapshot import snapshot
from content.exporters.tables import COMMENTS_FILE, MEDIA_FILE, PLAIN_TABLES, comment_records, write_rows

Progress = Callable[[ExportReport], None]


def export_content(
    folder: Path, *, force: bool = False, now: datetime | None = None, progress: Progress = lambda report: None
) -> ExportReport:
    """All that a publisher owns, as files that `import_content` takes back; accounts and counts of views are not.

    The database is read as of one moment, in memory that does not grow with it. Raises CannotExport, and leaves
    nothing behind then.
    """
    report = ExportReport()
    with whole_or_not_at_all(folder, force=force) as place, snapshot():
        for table in PLAIN_TABLES:
            report.counts[table.name] = write_rows(place / table.file_name, table.records())
        report.counts["media"] = write_rows(place / MEDIA_FILE, media_records(place, report))
        for kind in write_posts(place):
            report.counts[kind] += 1
            progress(report)
        report.counts["comments"] = write_rows(place / COMMENTS_FILE, comment_records())
        write_manifest(place, report, now or timezone.now())
    return report
