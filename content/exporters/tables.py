"""The tables other than posts: a YAML list each, written row by row."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Model

from content.exporters.records import (
    AuthorRecord,
    CategoryRecord,
    Record,
    RedirectRecord,
    SiteRecord,
    TagRecord,
    comment_record,
    record_from_row,
)
from content.exporters.yaml import dump_yaml, record_values
from content.models import Author, Category, Comment, Redirect, SiteConfig, Tag

ROWS_A_FETCH = 500


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
COMMENTS_FILE = "comments.yaml"
MEDIA_FILE = "media.yaml"


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
