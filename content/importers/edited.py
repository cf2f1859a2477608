"""Which imported posts were edited here since: an import leaves these alone."""

import hashlib
import json
from collections.abc import Collection, Iterable

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType

from content.models import Author, Category, Post, Tag

# A scheduled post whose time has come is public: its status says the one or the other.
PUBLIC = {Post.Status.SCHEDULED.value: Post.Status.PUBLISHED.value}


def edited_here(posts: Collection[Post]) -> set[int]:
    """The primary keys of those that are not what their last import wrote.

    Posts imported by a release that recorded no digest count as edited if the admin's log names them, or if they
    are withdrawn: no import withdrew a post then.
    """
    old = {post.pk for post in posts if not post.imported_digest}
    recorded = [post.pk for post in posts if post.imported_digest]
    edited = {post.pk for post in posts if post.pk in old and post.status == Post.Status.WITHDRAWN} | logged(old)
    rows = (
        Post.objects.filter(pk__in=recorded).select_related("category", "cover").prefetch_related("tags", "authors")
    )
    for post in rows:
        if digest_of(post, post.category, post.tags.all(), post.authors.all()) != post.imported_digest:
            edited.add(post.pk)
    return edited


def logged(pks: Collection[int]) -> set[int]:
    """Those of which the admin's log has a change."""
    if not pks:
        return set()
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Post), action_flag=CHANGE, object_id__in=map(str, pks)
    )
    return {int(pk) for pk in entries.exclude(change_message="[]").values_list("object_id", flat=True) if pk}


def digest_of(post: Post, category: Category | None, tags: Iterable[Tag], authors: Iterable[Author]) -> str:
    """A digest of the fields that a person can edit, by names that stay the same in another database."""
    parts = [
        post.kind,
        post.slug,
        post.title,
        post.excerpt,
        post.body,
        post.cover_alt,
        PUBLIC.get(post.status, post.status),
        post.password,
        post.published_at.timestamp() if post.published_at else None,
        post.language,
        post.comments_open,
        post.cover.file.name if post.cover else "",
        category.slug if category else "",
        sorted(tag.slug for tag in tags),
        sorted(author.slug for author in authors),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
