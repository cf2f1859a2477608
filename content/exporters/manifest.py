"""The file that makes a folder an export: written last, read first."""

from datetime import datetime
from pathlib import Path

from content.exporters.report import ExportReport
from content.exporters.yaml import dumped

MANIFEST = "evergreen.yaml"
VERSION = 1
WORDS = """\
# An export of a site: all that its publisher owns, drafts, passwords of posts and readers' mail addresses included.
# Keep it private. `manage.py import_content` with the name of this folder takes it back.
"""


def write_manifest(place: Path, report: ExportReport, now: datetime) -> None:
    values = {"evergreen": VERSION, "exported_at": now, "counts": dict(report.counts)}
    (place / MANIFEST).write_text(WORDS + dumped(values), encoding="utf-8")
