"""Many posts published, withdrawn or put back to draft at once, in one transaction."""

from collections.abc import Callable, Collection
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from content.models import Post, PostQuerySet
from content.services.redirects import free_paths

Status = Post.Status


def publish(pks: Collection[int], now: datetime | None = None) -> int:
    """Make them public; how many were not. What has no time, or one to come, is published now."""
    now = now or timezone.now()

    def write(posts: PostQuerySet) -> None:
        posts.exclude(published_at__lte=now).update(published_at=now)
        posts.update(status=Status.PUBLISHED)

    hidden = Post.objects.exclude(status=Status.PUBLISHED, published_at__lte=now)
    # A scheduled post whose time has come is public already.
    return changed(hidden.exclude(status=Status.SCHEDULED, published_at__lte=now), pks, write)


def withdraw(pks: Collection[int]) -> int:
    """Take published and scheduled ones away from readers; how many they were. A draft stays a draft."""
    shown = Post.objects.filter(status__in=[Status.PUBLISHED, Status.SCHEDULED])
    return changed(shown, pks, lambda posts: posts.update(status=Status.WITHDRAWN))


def back_to_draft(pks: Collection[int]) -> int:
    """Make drafts of them again, their times kept; how many were none."""
    return changed(Post.objects.exclude(status=Status.DRAFT), pks, lambda posts: posts.update(status=Status.DRAFT))


def changed(posts: PostQuerySet, pks: Collection[int], write: Callable[[PostQuerySet], object]) -> int:
    """Those of `posts` that are among `pks`, locked where the database can, and written."""
    with transaction.atomic():
        chosen = list(posts.filter(pk__in=pks).select_for_update().values_list("pk", flat=True))
        write(Post.objects.filter(pk__in=chosen))
        living = Post.objects.public(timezone.now()).filter(pk__in=chosen).only("kind", "slug")
        free_paths(post.get_absolute_url() for post in living)
        return len(chosen)
