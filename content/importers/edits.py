"""Imported posts that were edited here since their import; an import leaves them alone."""

import hashlib
import json
from collections.abc import Collection, Iterable

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType

from content.models import Author, Category, Post, Tag

# A scheduled post may be public already: both statuses count as one.
SAME_STATUS = {Post.Status.SCHEDULED.value: Post.Status.PUBLISHED.value}


def find_edited(posts: Collection[Post]) -> set[int]:
    """The primary keys of posts that differ from what their last import wrote.

    Releases before the digest recorded none. Their posts count as edited if the admin's log names them, or if they
    are withdrawn: no import withdrew a post then.
    """
    old = {post.pk for post in posts if not post.imported_digest}
    edited = {post.pk for post in posts if post.pk in old and post.status == Post.Status.WITHDRAWN}
    edited |= find_in_admin_log(old)
    rows = Post.objects.filter(pk__in=[post.pk for post in posts if post.imported_digest])
    for post in rows.select_related("category", "cover").prefetch_related("tags", "authors"):
        if hash_editable_fields(post, post.category, post.tags.all(), post.authors.all()) != post.imported_digest:
            edited.add(post.pk)
    return edited


def find_in_admin_log(pks: Collection[int]) -> set[int]:
    if not pks:
        return set()
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Post), action_flag=CHANGE, object_id__in=map(str, pks)
    )
    return {int(pk) for pk in entries.exclude(change_message="[]").values_list("object_id", flat=True) if pk}


def hash_editable_fields(
    post: Post, category: Category | None, tags: Iterable[Tag], authors: Iterable[Author]
) -> str:
    """The hash of the fields that a person can edit, by names that stay the same in another database."""
    # fmt: off
    parts = [
        post.kind, post.slug, post.title, post.excerpt, post.body, post.cover_alt,
        SAME_STATUS.get(post.status, post.status), post.password,
        post.published_at.timestamp() if post.published_at else None, post.language, post.comments_open,
        post.cover.file.name if post.cover else "", category.slug if category else "",
        sorted(tag.slug for tag in tags), sorted(author.slug for author in authors),
    ]
    # fmt: on
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
