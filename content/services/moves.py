"""A single save that moves what was public leaves a redirect behind."""

from typing import Any

from django.db.models import Model
from django.db.models.signals import post_save, pre_save

from content.models import Author, Category, Post, Tag
from content.services.redirects import free_paths, move_paths

OLD_PATH = "_evergreen_old_path"
Term = Author | Category | Tag


def connect() -> None:
    """Called once, when the application is ready."""
    for model in (Author, Category, Post, Tag):
        pre_save.connect(remember_path, sender=model)
        post_save.connect(path_saved, sender=model)


def remember_path(sender: type[Model], instance: Post | Term, raw: bool = False, **kwargs: Any) -> None:
    """The path that readers may know it by, as the database has it before the save."""
    before: Any = None if raw or not instance.pk else sender._default_manager.filter(pk=instance.pk).first()
    setattr(instance, OLD_PATH, before.get_absolute_url() if was_public(before) else None)


def path_saved(
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
    """A withdrawn post may come back, under another slug: its old path leads there then."""
    return is_public(row) or (isinstance(row, Post) and row.status == Post.Status.WITHDRAWN and not row.password)


def is_public(row: Any) -> bool:
    return row.is_public if isinstance(row, Post) else row is not None
