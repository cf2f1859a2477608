"""The tables of an export: posts and pages are a Markdown file each, with front matter and the body as it is stored.

Each other table is a YAML list, written row by row. The bytes of media files are beside theirs.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.db.models import Model

from content.exporters.records import (
    VERSION,
    AuthorRecord,
    CategoryRecord,
    MediaRecord,
    PostRecord,
    Record,
    RedirectRecord,
    SiteRecord,
    TagRecord,
    comment_record,
    dump_yaml,
    post_record,
    record_from_row,
    record_values,
    with_related_rows,
)
from content.models import Author, Category, Comment, MediaFile, Post, Redirect, SiteConfig, Tag

FOLDERS = {Post.Kind.POST: "posts", Post.Kind.PAGE: "pages"}
POSTS_A_FETCH = 200

MAX_NAME_BYTES = 120
PLAIN = re.compile(r"[^\W_][\w-]*")
HAS_DIGEST = re.compile(r"--[0-9a-f]{16}$")
UNSAFE = re.compile(r"[^a-z0-9]+")
# Windows reserves some of these for devices, and importers of Markdown skip the others.
RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d|index|readme|license|contributing|changelog|security")


def write_posts(place: Path) -> Iterator[str]:
    """Write each post and yield the name of its folder. Posts stay in memory no longer than their batch."""
    for folder in FOLDERS.values():
        (place / folder).mkdir()
    for post in with_related_rows(Post.objects.order_by("pk")).iterator(POSTS_A_FETCH):
        folder = FOLDERS[Post.Kind(post.kind)]
        content = post_file(post.pk, post_record(post))
        (place / folder / f"{file_name(post.slug)}.md").write_bytes(content)
        drop_related_rows(post)
        yield folder


def drop_related_rows(post: Post) -> None:
    """Break the reference cycle with the post, which would keep bodies until the garbage collector runs."""
    vars(post).pop("_prefetched_objects_cache", None)


def post_file(number: int, record: PostRecord) -> bytes:
    """The content of the file. `id` is the row's number, which orders posts of the same time.

    Every byte behind the last --- and its line end is the body's.
    """
    values: dict[str, Any] = {"evergreen": VERSION, "id": number} | record_values(record)
    body: str = values.pop("body", "")
    return f"---\n{dump_yaml(values)}---\n{body}".encode()


def file_name(slug: str) -> str:
    """The slug, or a name with a digest if some file system could confuse the slug with another; without suffix."""
    if is_plain(slug):
        return slug
    stem = UNSAFE.sub("-", slug.lower())[:40].strip("-") or "post"
    return f"{stem}--{hashlib.sha256(slug.encode(errors='surrogatepass')).hexdigest()[:16]}"


def is_plain(slug: str) -> bool:
    """Whether no other slug is the same name on a file system that ignores case or the form of accents."""
    has_one_form = slug == unicodedata.normalize("NFC", slug) == slug.upper().lower()
    fits = len(slug.encode(errors="replace")) <= MAX_NAME_BYTES
    return bool(has_one_form and fits and PLAIN.fullmatch(slug)) and not (
        RESERVED.fullmatch(slug) or HAS_DIGEST.search(slug)
    )


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
