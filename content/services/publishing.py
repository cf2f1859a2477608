"""Publishing: posts published, withdrawn or made drafts again, many in one transaction; and bylines."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from content.models import Author, Post, PostQuerySet
from content.rendering import slugify
from content.services.redirects import free_paths

Status = Post.Status


def publish(pks: Collection[int], now: datetime | None = None) -> int:
    """Make posts public. Returns how many were not. A post without a time, or with a future one, is published now."""
    now = now or timezone.now()

    def write(posts: PostQuerySet) -> None:
        posts.exclude(published_at__lte=now).update(published_at=now)
        posts.update(status=Status.PUBLISHED)

    hidden = Post.objects.exclude(status=Status.PUBLISHED, published_at__lte=now)
    # A scheduled post whose time has come is public already.
    return write_posts(hidden.exclude(status=Status.SCHEDULED, published_at__lte=now), pks, write)


def withdraw(pks: Collection[int]) -> int:
    """Withdraw published and scheduled posts. Returns how many were either; drafts stay drafts."""
    shown = Post.objects.filter(status__in=[Status.PUBLISHED, Status.SCHEDULED])
    return write_posts(shown, pks, lambda posts: posts.update(status=Status.WITHDRAWN))


def back_to_draft(pks: Collection[int]) -> int:
    """Make posts drafts again, and keep their times. Returns how many were not drafts."""
    return write_posts(
        Post.objects.exclude(status=Status.DRAFT), pks, lambda posts: posts.update(status=Status.DRAFT)
    )


def write_posts(posts: PostQuerySet, pks: Collection[int], write: Callable[[PostQuerySet], object]) -> int:
    """Lock and write the posts that are in both. Returns how many; locks need PostgreSQL."""
    with transaction.atomic():
        chosen = list(posts.filter(pk__in=pks).select_for_update().values_list("pk", flat=True))
        write(Post.objects.filter(pk__in=chosen))
        public = Post.objects.public(timezone.now()).filter(pk__in=chosen).only("kind", "slug")
        free_paths(post.get_absolute_url() for post in public)
        return len(chosen)


def get_byline(user: Any) -> Author:
    """The author with the account's full name; created if there is none.

    An account without a name uses its username, without the domain of an email address.
    """
    name = " ".join(user.get_full_name().split()) or user.get_username().partition("@")[0]
    name = name[:200]
    slug = slugify(name, fallback="author")
    known = Author.objects.filter(Q(name__iexact=name) | Q(slug=slug)).order_by("pk").first()
    return known or Author.objects.get_or_create(slug=slug, defaults={"name": name})[0]
