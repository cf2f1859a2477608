"""Posts of an export into the database, with what they are linked to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from content.exporters.records import POST_COLUMNS, PostRecord, post_record, with_related_rows
from content.importers.errors import BadFile
from content.importers.report import Counts
from content.models import Author, Authorship, Category, MediaFile, Post, Tag

COLUMNS = [*(name for name in POST_COLUMNS if name != "slug"), "html", "category", "cover"]


@dataclass(frozen=True)
class Incoming:
    """A post that is new or differs, its body rendered; `name` is its file's."""

    name: str
    record: PostRecord
    html: str


def known_records(slugs: Iterable[str]) -> dict[str, PostRecord]:
    """By slug, what an export would say of the posts that are there now."""
    posts = with_related_rows(Post.objects.filter(slug__in=list(slugs)))
    return {post.slug: post_record(post) for post in posts}


class LinkedRows:
    """The authors, terms and covers that some posts name; all of them are there before any post is written."""

    def __init__(self, records: Sequence[PostRecord]) -> None:
        self.authors = by_slug(Author, {slug for record in records for slug in record.authors})
        self.categories = by_slug(Category, {record.category for record in records})
        self.tags = by_slug(Tag, {slug for record in records for slug in record.tags})
        covers = MediaFile.objects.filter(file__in={record.cover for record in records if record.cover})
        self.covers = {str(media.file.name): media.pk for media in covers}

    def check(self, record: PostRecord) -> None:
        """Raises BadFile for a name that nobody and nothing has."""
        named = [
            ("author", record.authors, self.authors, "authors.yaml"),
            ("category", [record.category] if record.category else [], self.categories, "categories.yaml"),
            ("tag", record.tags, self.tags, "tags.yaml"),
        ]
        for kind, slugs, known, file in named:
            for slug in slugs:
                if slug not in known:
                    raise BadFile(f"Its {kind} {slug[:80]!r} is not known: add it to {file}.")


def by_slug(model: type[Author] | type[Category] | type[Tag], slugs: set[str]) -> dict[str, int]:
    rows: Any = model._default_manager
    return dict(rows.filter(slug__in=slugs).values_list("slug", "pk"))


def write_posts(batch: Sequence[Incoming]) -> Counts:
    """Within a transaction of the caller's."""
    known = {post.slug: post for post in Post.objects.filter(slug__in=[each.record.slug for each in batch])}
    linked = LinkedRows([each.record for each in batch])
    posts = [filled(known.get(each.record.slug) or Post(), each, linked) for each in batch]
    created = [post for post in posts if post.pk is None]
    Post.objects.bulk_create(created)
    # What was created too: the time of its making is the database's own until it is written over.
    for post, each in zip(posts, batch, strict=True):
        post.created_at = each.record.created_at
    Post.objects.bulk_update(posts, COLUMNS)
    link(posts, batch, linked)
    return Counts(created=len(created), updated=len(known))


def filled(post: Post, incoming: Incoming, linked: LinkedRows) -> Post:
    record = incoming.record
    for name in POST_COLUMNS:
        setattr(post, name, getattr(record, name))
    post.html = incoming.html
    post.category_id = linked.categories.get(record.category)
    post.cover_id = linked.covers.get(record.cover)
    return post


def link(posts: Sequence[Post], batch: Sequence[Incoming], linked: LinkedRows) -> None:
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
