"""Redirects from old paths to new ones. No redirect leads to another one, or away from a path in use.

A single save that moves a public row leaves a redirect, by signals. Bulk writes call `move_paths` themselves.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_save, pre_save

from content.models import Author, Category, Post, Redirect, Tag

OLD_PATH = "_evergreen_old_path"
Term = Author | Category | Tag


def move_paths(moves: Mapping[str, str]) -> None:
    """Redirect each old path to its new one, without chains and circles.

    1. Redirects from the new paths are deleted, so that no circle can close (a -> b, then b -> a).
    2. Redirects to an old path lead to the new one (a -> b, then b -> c: a -> c).
    3. The old paths are redirected, except those that are new paths of others (two posts that exchange their slugs).
    """
    moves = {old: new for old, new in moves.items() if old != new}
    if not moves:
        return
    with transaction.atomic():
        free_paths(moves.values())
        chained = list(Redirect.objects.filter(new_path__in=moves))
        for row in chained:
            row.new_path = moves[row.new_path]
        Redirect.objects.bulk_update(chained, ["new_path"], batch_size=500)
        unused = moves.keys() - set(moves.values())
        Redirect.objects.bulk_create(
            [Redirect(old_path=old, new_path=moves[old]) for old in sorted(unused)],
            update_conflicts=True,
            unique_fields=["old_path"],
            update_fields=["new_path"],
        )


def free_paths(paths: Iterable[str]) -> None:
    """Delete redirects from paths that are in use."""
    Redirect.objects.filter(old_path__in=list(paths)).delete()


def resolve_path(path: str) -> str:
    """The path that a reader of that path is redirected to, or the path itself."""
    return Redirect.objects.filter(old_path=path).values_list("new_path", flat=True).first() or path


def connect_signals() -> None:
    """Called once, when the application is ready."""
    for model in (Author, Category, Post, Tag):
        pre_save.connect(remember_path, sender=model)
        post_save.connect(redirect_old_path, sender=model)


def remember_path(sender: type[Model], instance: Post | Term, raw: bool = False, **kwargs: Any) -> None:
    """Remember the path that readers know, as the database has it before the save."""
    before: Any = None if raw or not instance.pk else sender._default_manager.filter(pk=instance.pk).first()
    setattr(instance, OLD_PATH, before.get_absolute_url() if was_public(before) else None)


def redirect_old_path(
    sender: type[Model],
    instance: Post | Term,
    raw: bool = False,
    update_fields: frozenset[str] | None = None,
    **kwargs: Any,
) -> None:
    if raw or (update_fields is not None and not {"slug", "kind", "status"} & update_fields):
        return
    old, new = getattr(instance, OLD_PATH, None), instance.get_absolute_url()
    if old and old != new:
        move_paths({old: new})
    elif is_public(instance):
        free_paths([new])


def was_public(row: Any) -> bool:
    """Withdrawn posts count: one may come back under another slug, and then its old path leads there."""
    return is_public(row) or (isinstance(row, Post) and row.status == Post.Status.WITHDRAWN and not row.password)


def is_public(row: Any) -> bool:
    return row.is_public if isinstance(row, Post) else row is not None
