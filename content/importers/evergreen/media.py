"""Media files of an export return to the names in the storage by which bodies refer to them."""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.files.utils import validate_file_name

from content.exporters.records import MediaRecord
from content.importers.files import find_file_inside
from content.importers.report import BadFile, Counts
from content.models import MediaFile
from content.models.media import ALLOWED_EXTENSIONS

COLUMNS = ["alt_text", "width", "height", "uploaded_at"]
CHUNK = 1 << 20


@dataclass
class MediaRestore:
    """Restores the files, before their rows and outside of any transaction.

    A file that the site has under another name stays there; `renamed` has that name by the one in the export.
    """

    root: Path
    stored: int = 0
    missing: int = 0
    renamed: dict[str, str] = field(default_factory=dict)

    def restore(self, record: MediaRecord) -> MediaRecord:
        """The record, whose file is in the storage now or is counted as missing. Raises BadFile."""
        check_name(record.name)
        known = MediaFile.objects.filter(sha256=record.sha256).values_list("file", flat=True).first()
        if known is not None and known != record.name:
            self.renamed[record.name] = known
        elif not record.file:
            self.missing += not default_storage.exists(record.name)
        elif not default_storage.exists(record.name):
            self.store(record)
        elif known is None:
            self.compare_with_stored(record)
        return record

    def compare_with_stored(self, record: MediaRecord) -> None:
        """Raises BadFile for different bytes."""
        if hash_file(self.find_source(record).open("rb")) != hash_file(default_storage.open(record.name)):
            raise BadFile(f"{record.name} is another file in the storage: bodies refer to it by that name.")

    def store(self, record: MediaRecord) -> None:
        with self.find_source(record).open("rb") as source:
            name = default_storage.save(record.name, File(source))
        if name != record.name:
            default_storage.delete(name)
            raise BadFile(f"The storage would not keep it under its name {record.name}.")
        self.stored += 1

    def find_source(self, record: MediaRecord) -> Path:
        path = find_file_inside(self.root, record.file)
        if path is None:
            raise BadFile(f"{record.file} is not in the export.")
        if path.stat().st_size != record.size:
            raise BadFile(
                f"{record.file} has {path.stat().st_size:,} bytes, and {record.size:,} when it was exported."
            )
        return path


def check_name(name: str) -> None:
    """Raises BadFile for a name outside of the storage, or with another suffix than media files have."""
    try:
        validate_file_name(name, allow_relative_path=True)
    except SuspiciousFileOperation as error:
        raise BadFile(f"{name!r} is no name of a media file.") from error
    if "\\" in name or "\x00" in name or PurePosixPath(name).suffix.lower().lstrip(".") not in ALLOWED_EXTENSIONS:
        raise BadFile(f"{name!r} is no name of a media file: it ends with one of {', '.join(ALLOWED_EXTENSIONS)}.")


def hash_file(opened: Any) -> bytes:
    with closing(opened) as file:
        return hashlib.file_digest(file, "sha256").digest()


def write_rows(records: Sequence[MediaRecord]) -> Counts:
    """In a transaction of the caller."""
    by_digest = {record.sha256: record for record in records}
    known = {row.sha256: row for row in MediaFile.objects.filter(sha256__in=list(by_digest))}
    created = [
        MediaFile(file=record.name, sha256=sha256, width=record.width, height=record.height)
        for sha256, record in by_digest.items()
        if sha256 not in known
    ]
    MediaFile.objects.bulk_create(created)
    updated = [row for sha256, row in known.items() if differs(row, by_digest[sha256])]
    # New rows too: the database sets their time of upload.
    for row in [*created, *updated]:
        for name in COLUMNS:
            setattr(row, name, getattr(by_digest[row.sha256], name))
    if created or updated:
        MediaFile.objects.bulk_update([*created, *updated], COLUMNS)
    return Counts(len(created), len(updated), len(known) - len(updated))


def differs(row: MediaFile, record: MediaRecord) -> bool:
    return any(getattr(row, name) != getattr(record, name) for name in COLUMNS)
