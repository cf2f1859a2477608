"""Records of an export become rows: posts, comments, and the tables beside them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import validate_unicode_slug
from django.db.models import Model

from content.exporters.records import (
    COMMENT_COLUMNS,
    POST_COLUMNS,
    CommentRecord,
    PostRecord,
    Record,
    RedirectRecord,
    SiteRecord,
    post_record,
    record_from_row,
    with_related_rows,
)
from content.exporters.tables import SITE, Table
from content.importers.report import BadFile, Counts
from content.models import Author, Authorship, Category, Comment, MediaFile, Post, Tag
from content.models.site_config import ONLY_ROW, check_menu
from content.rendering import BodyTooLarge, render_comment

WRITTEN_COLUMNS = [*(name for name in POST_COLUMNS if name != "slug"), "html", "category", "cover"]
Identity = tuple[datetime, str]
Thread = tuple[str, list[CommentRecord]]


@dataclass(frozen=True)
class ChangedPost:
    """A post that is new or differs, and its HTML. `name` is that of its file."""

    name: str
    record: PostRecord
    html: str


def current_records(slugs: Iterable[str]) -> dict[str, PostRecord]:
    """The records of the posts in the database, by slug."""
    posts = with_related_rows(Post.objects.filter(slug__in=list(slugs)))
    return {post.slug: post_record(post) for post in posts}


class LinkedRows:
    """The authors, terms and covers of some posts; all of them exist before a post is written."""

    def __init__(self, records: Sequence[PostRecord]) -> None:
        self.authors = pks_by_slug(Author, {slug for record in records for slug in record.authors})
        self.categories = pks_by_slug(Category, {record.category for record in records})
        self.tags = pks_by_slug(Tag, {slug for record in records for slug in record.tags})
        covers = MediaFile.objects.filter(file__in={record.cover for record in records if record.cover})
        self.covers = {str(media.file.name): media.pk for media in covers}

    def check(self, record: PostRecord) -> None:
        """Raises BadFile for an author or a term that does not exist."""
        named = [
            ("author", record.authors, self.authors, "authors.yaml"),
            ("category", [record.category] if record.category else [], self.categories, "categories.yaml"),
            ("tag", record.tags, self.tags, "tags.yaml"),
        ]
        for kind, slugs, known, file in named:
            for slug in slugs:
                if slug not in known:
                    raise BadFile(f"Its {kind} {slug[:80]!r} is not known: add it to {file}.")


def pks_by_slug(model: type[Author] | type[Category] | type[Tag], slugs: set[str]) -> dict[str, int]:
    rows: Any = model._default_manager
    return dict(rows.filter(slug__in=slugs).values_list("slug", "pk"))


def write_posts(batch: Sequence[ChangedPost]) -> Counts:
    """Write within a transaction of the caller."""
    known = {post.slug: post for post in Post.objects.filter(slug__in=[each.record.slug for each in batch])}
    linked = LinkedRows([each.record for each in batch])
    posts = [fill_post(known.get(each.record.slug) or Post(), each, linked) for each in batch]
    created = [post for post in posts if post.pk is None]
    Post.objects.bulk_create(created)
    # New rows too: the database sets their time of creation.
    for post, each in zip(posts, batch, strict=True):
        post.created_at = each.record.created_at
    Post.objects.bulk_update(posts, WRITTEN_COLUMNS)
    write_links(posts, batch, linked)
    return Counts(created=len(created), updated=len(known))


def fill_post(post: Post, changed: ChangedPost, linked: LinkedRows) -> Post:
    record = changed.record
    for name in POST_COLUMNS:
        setattr(post, name, getattr(record, name))
    post.html = changed.html
    post.category_id = linked.categories.get(record.category)
    post.cover_id = linked.covers.get(record.cover)
    return post


def write_links(posts: Sequence[Post], batch: Sequence[ChangedPost], linked: LinkedRows) -> None:
    through = Post.tags.through
    pks = [post.pk for post in posts]
    Authorship.objects.filter(post__in=pks).delete()
    through.objects.filter(post_id__in=pks).delete()
    Authorship.objects.bulk_create(
        Authorship(post=post, author_id=linked.authors[slug], position=position)
        for post, each in zip(posts, batch, strict=True)
        for position, slug in enumerate(each.record.authors)
    )
    through.objects.bulk_create(
        through(post_id=post.pk, tag_id=linked.tags[slug])
        for post, each in zip(posts, batch, strict=True)
        for slug in each.record.tags
    )


def check_record(record: Record) -> Record:
    """The record itself. Raises BadFile for values that the admin would refuse."""
    try:
        if isinstance(record, SiteRecord):
            check_menu(record.menu)
        elif isinstance(record, RedirectRecord):
            check_redirect(record)
        else:
            validate_unicode_slug(getattr(record, "slug", ""))
    except ValidationError as error:
        raise BadFile(" ".join(error.messages)) from error
    return record


def check_redirect(record: RedirectRecord) -> None:
    if not record.new_path.startswith(("/", "https://", "http://")):
        raise ValidationError(f"{record.new_path[:80]!r} is neither a path nor an http(s) URL.")


def write_rows(table: Table, records: Sequence[Record]) -> Counts:
    """Create missing rows and update those that differ, in a transaction of the caller."""
    by_key = {get_key(table, record): record for record in records}
    rows: Any = table.model._default_manager
    known = {getattr(row, table.key): row for row in rows.filter(**{f"{table.key}__in": list(by_key)})}
    created = [
        table.model(**{table.key: key}, **get_columns(record, without=table.key))
        for key, record in by_key.items()
        if key not in known
    ]
    updated = [row for key, row in known.items() if record_from_row(table.record, row) != by_key[key]]
    for row in updated:
        fill_row(row, get_columns(by_key[getattr(row, table.key)], without=table.key))
    rows.bulk_create(created)
    if updated:
        rows.bulk_update(updated, [name for name in table.record.__struct_fields__ if name != table.key])
    return Counts(len(created), len(updated), len(known) - len(updated))


def get_key(table: Table, record: Record) -> Any:
    return ONLY_ROW if table is SITE else getattr(record, table.key)


def get_columns(record: Record, without: str) -> dict[str, Any]:
    values = msgspec.structs.asdict(record)
    values.pop(without, None)
    return values


def fill_row(row: Model, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)


def split_threads(records: Iterable[CommentRecord]) -> Iterator[Thread]:
    """The comments of each post. An export has them together."""
    for post, comments in groupby(records, key=lambda record: record.post):
        yield post, list(comments)


def check_comment(record: CommentRecord) -> CommentRecord:
    """The record itself. Raises BadFile for a comment that cannot be rendered."""
    try:
        render_comment(record.body)
    except BodyTooLarge as error:
        raise BadFile(str(error)) from error
    return record


def write_threads(batch: Sequence[Thread]) -> Counts:
    """Write within a transaction of the caller. Raises ValueError for comments on a post that does not exist."""
    posts = dict(Post.objects.filter(slug__in=[slug for slug, _ in batch]).values_list("slug", "pk"))
    counts = Counts()
    for slug, records in batch:
        if slug not in posts:
            raise ValueError(f"there is no post {slug!r}")
        counts += ThreadWriter(posts[slug], records).write()
    return counts


class ThreadWriter:
    """Writes the comments of one post.

    The time of a comment and the name of its author identify it. Two with the same are matched in order.
    """

    def __init__(self, post: int, records: Sequence[CommentRecord]) -> None:
        self.post = post
        self.records = records
        by_identity: dict[Identity, list[Comment]] = defaultdict(list)
        for comment in Comment.objects.filter(post=post).order_by("-pk"):
            by_identity[comment.created_at, comment.author_name].append(comment)
        self.known = {
            record.id: same.pop()
            for record in records
            if (same := by_identity.get((record.created_at, record.author_name)))
        }
        if len({record.id for record in records}) != len(records):
            raise ValueError("two comments have the same id")

    def write(self) -> Counts:
        created = {record.id: self.make_comment(record) for record in self.records if record.id not in self.known}
        Comment.objects.bulk_create(created.values())
        self.rows = self.known | created
        updated = [self.rows[record.id] for record in self.records if self.update_row(record)]
        Comment.objects.bulk_update(updated, [*COMMENT_COLUMNS, "html", "parent"])
        changed = sum(comment.pk not in {row.pk for row in created.values()} for comment in updated)
        return Counts(len(created), changed, len(self.known) - changed)

    def make_comment(self, record: CommentRecord) -> Comment:
        values = {name: getattr(record, name) for name in COMMENT_COLUMNS}
        return Comment(post_id=self.post, html=render_comment(record.body), **values)

    def update_row(self, record: CommentRecord) -> bool:
        """Whether the row differed from the record. All parents have rows before this."""
        comment, parent = self.rows[record.id], self.rows.get(record.parent or 0)
        wanted = {name: getattr(record, name) for name in COMMENT_COLUMNS}
        wanted["parent_id"] = parent.pk if parent else None
        if all(getattr(comment, name) == value for name, value in wanted.items()):
            return False
        for name, value in wanted.items():
            setattr(comment, name, value)
        comment.html = render_comment(comment.body)
        return True
