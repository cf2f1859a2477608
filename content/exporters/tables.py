"""The tables other than posts: a YAML list each, written row by row, and the bytes of media files beside theirs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django.core.exceptions import SuspiciousOperation
from django.db.models import Model

from content.exporters.records import (
    AuthorRecord,
    CategoryRecord,
    MediaRecord,
    Record,
    RedirectRecord,
    SiteRecord,
    TagRecord,
    comment_record,
    dump_yaml,
    record_from_row,
    record_values,
)
from content.models import Author, Category, Comment, MediaFile, Redirect, SiteConfig, Tag

ROWS_A_FETCH = 500
COMMENTS_FILE = "comments.yaml"
MEDIA_FILE = "media.yaml"
MEDIA_FOLDER = "media"


@dataclass(frozen=True)
class Table:
    """A table whose columns are its record's fields. The column `key` identifies a row."""

    name: str
    model: type[Model]
    record: type[Record]
    key: str

    @property
    def file_name(self) -> str:
        return f"{self.name}.yaml"

    def records(self) -> Iterator[Record]:
        rows = self.model._default_manager.order_by("pk").iterator(ROWS_A_FETCH)
        return (record_from_row(self.record, row) for row in rows)


SITE = Table("site", SiteConfig, SiteRecord, "pk")
AUTHORS = Table("authors", Author, AuthorRecord, "slug")
CATEGORIES = Table("categories", Category, CategoryRecord, "slug")
TAGS = Table("tags", Tag, TagRecord, "slug")
REDIRECTS = Table("redirects", Redirect, RedirectRecord, "old_path")
PLAIN_TABLES = (SITE, AUTHORS, CATEGORIES, TAGS, REDIRECTS)


def comment_records() -> Iterator[Record]:
    """Ordered by post, so that the comments of a thread stand together."""
    comments = Comment.objects.select_related("post").order_by("post_id", "pk")
    return (comment_record(comment) for comment in comments.iterator(ROWS_A_FETCH))


def write_rows(path: Path, records: Iterable[Record]) -> int:
    """Returns the number of rows."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(dump_yaml([record_values(record)]))
            count += 1
    return count


def media_records(place: Path, warnings: list[str]) -> Iterator[MediaRecord]:
    """Copy the bytes of each file, then yield its record. Files that cannot be read are added to `warnings`."""
    (place / MEDIA_FOLDER).mkdir()
    for media in MediaFile.objects.order_by("pk").iterator(ROWS_A_FETCH):
        name = media.file.name or ""
        file = f"{MEDIA_FOLDER}/{media.sha256}{PurePosixPath(name).suffix.lower()}"
        try:
            size: int | None = copy_bytes(media, place / file)
        except (OSError, ValueError, SuspiciousOperation) as error:
            warnings.append(f"{name or media.sha256} cannot be read, so only its row was exported: {error}")
            size = None
        yield MediaRecord(
            name=name,
            sha256=media.sha256,
            alt_text=media.alt_text,
            width=media.width,
            height=media.height,
            uploaded_at=media.uploaded_at,
            file="" if size is None else file,
            size=size or 0,
        )


def copy_bytes(media: MediaFile, target: Path) -> int:
    """Returns the number of bytes."""
    with media.file.open("rb") as source, target.open("wb") as file:
        return sum(file.write(chunk) for chunk in source.chunks())
