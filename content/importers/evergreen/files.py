"""The files of an export: posts with front matter and a body, rows in YAML, and media files.

Media files return to the names in the storage by which bodies refer to them.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
from django.core.exceptions import SuspiciousFileOperation, ValidationError
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.files.utils import validate_file_name
from django.core.validators import validate_unicode_slug

from content.exporters.records import VERSION, MediaRecord, PostRecord, SomeRecord
from content.importers import front_matter
from content.importers.files import find_file_inside, read_bounded
from content.importers.report import BadFile, Counts
from content.models import MediaFile
from content.models.media import ALLOWED_EXTENSIONS

# A body has 2,000,000 characters at most, of up to 4 bytes each.
LARGEST = 20_000_000
HEAD = re.compile(rb"\A(?:\xef\xbb\xbf)?---\r?\n(.*?\n)---\r?(?:\n|\Z)", re.DOTALL)
NUMBER = re.compile(rb"^id: *(\d{1,18})\r?$", re.MULTILINE)
BYTES_BEFORE_NUMBER = 200


@dataclass(frozen=True)
class PostFile:
    """The file of a post. `name` is its path below the root."""

    root: Path
    name: str

    @property
    def path(self) -> Path:
        return self.root / self.name

    def number(self) -> int:
        """The number of its row, by which files are sorted; 0 if it has none, or cannot be read."""
        try:
            with self.path.open("rb") as file:
                match = NUMBER.search(file.read(BYTES_BEFORE_NUMBER))
        except OSError:
            return 0
        return int(match[1]) if match else 0

    def read(self) -> PostRecord:
        """Raises BadFile. The body is kept byte for byte."""
        content = read_bounded(self.path, LARGEST)
        head = HEAD.match(content)
        if head is None:
            raise BadFile("It does not begin with front matter between lines of ---.")
        try:
            matter, body = head[1].decode(), content[head.end() :].decode()
        except UnicodeDecodeError as error:
            raise BadFile(f"It is not UTF-8: {error.reason} at byte {error.start}.") from error
        record = convert_record(PostRecord, parse_values(matter) | {"body": body})
        check_record(record)
        return msgspec.structs.replace(record, tags=tuple(sorted(set(record.tags))))


def parse_values(matter: str) -> dict[str, Any]:
    values = front_matter.parse("YAML", matter)
    if values.pop("evergreen", None) != VERSION:
        raise BadFile(f"Its front matter does not say `evergreen: {VERSION}`: it is of no export that is known here.")
    values.pop("id", None)
    return values


def check_record(record: PostRecord) -> None:
    """Raises BadFile."""
    try:
        validate_unicode_slug(record.slug)
    except ValidationError as error:
        raise BadFile(f"Its slug {record.slug[:80]!r} is none: letters, digits, - and _ make one.") from error
    if len(set(record.authors)) != len(record.authors):
        raise BadFile("It names an author twice.")


def split_rows(path: Path) -> Iterator[str]:
    """The text of each row of a YAML list. A row begins with a dash at the beginning of a line."""
    lines: list[str] = []
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            if line.startswith("- ") and lines:
                yield "".join(lines)
                lines = []
            if lines or not is_no_row(line):
                lines.append(line)
    if lines:
        yield "".join(lines)


def is_no_row(line: str) -> bool:
    return not line.strip() or line.startswith("#") or line.strip() == "[]"


def parse_row(text: str, kind: type[SomeRecord]) -> SomeRecord:
    """Raises BadFile."""
    values = front_matter.parse_yaml(text, "It")
    if not isinstance(values, list) or len(values) != 1:
        raise BadFile("It is no row: each begins with a dash at the beginning of a line.")
    return convert_record(kind, values[0])


def convert_record(kind: type[SomeRecord], values: Any) -> SomeRecord:
    """Raises BadFile, whose message names the bad value."""
    try:
        return msgspec.convert(values, kind, builtin_types=(datetime,))
    except msgspec.ValidationError as error:
        raise BadFile(f"{error}.") from error


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


def write_media_rows(records: Sequence[MediaRecord]) -> Counts:
    """Write within a transaction of the caller."""
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
