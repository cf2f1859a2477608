"""Signals of single saves and deletions. Bulk writes send none: they call the service themselves."""

from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from content import dependencies
from content.invalidation.commit import invalidate_on_commit
from content.invalidation.post_facts import PostFacts, changed_tags, post_facts
from content.invalidation.rows import tags_of_row
from content.models import Author, Authorship, Category, Comment, MediaFile, Post, Redirect, SiteConfig, Tag

SIMPLE = (Author, Authorship, Category, MediaFile, Redirect, SiteConfig, Tag)
BEFORE = "_evergreen_before"


def connect() -> None:
    """Called once, when the application is ready."""
    for model in SIMPLE:
        pre_save.connect(remember_row, sender=model)
        post_save.connect(row_changed, sender=model)
        pre_delete.connect(remember_row, sender=model)
        post_delete.connect(row_changed, sender=model)
    pre_save.connect(remember_row, sender=Comment)
    post_save.connect(row_changed, sender=Comment)
    post_delete.connect(comment_deleted, sender=Comment)
    pre_save.connect(remember_post, sender=Post)
    post_save.connect(post_changed, sender=Post)
    pre_delete.connect(remember_post, sender=Post)
    post_delete.connect(post_deleted, sender=Post)
    m2m_changed.connect(post_tags_changed, sender=Post.tags.through)


def remember_row(sender: type[Model], instance: Model, **kwargs: Any) -> None:
    """Note the tags of the row as it was: a row that moves is missed in both places."""
    before = sender._default_manager.filter(pk=instance.pk).first() if instance.pk else None
    setattr(instance, BEFORE, tags_of_row(before) if before else set())


def row_changed(sender: type[Model], instance: Model, **kwargs: Any) -> None:
    before: set[str] = getattr(instance, BEFORE, set())
    invalidate_on_commit(before | tags_of_row(instance))


def remember_post(sender: type[Post], instance: Post, **kwargs: Any) -> None:
    setattr(instance, BEFORE, facts_of(instance))


def post_changed(sender: type[Post], instance: Post, **kwargs: Any) -> None:
    invalidate_on_commit(changed_tags(getattr(instance, BEFORE, None), facts_of(instance)))


def post_deleted(sender: type[Post], instance: Post, **kwargs: Any) -> None:
    invalidate_on_commit(changed_tags(getattr(instance, BEFORE, None), None) | {dependencies.comments(instance.pk)})


def comment_deleted(sender: type[Comment], instance: Comment, origin: Any = None, **kwargs: Any) -> None:
    """Those that go with their post are told of with it, all at once."""
    deleted = origin.model if isinstance(origin, QuerySet) else type(origin)
    if deleted is not Post:
        invalidate_on_commit(tags_of_row(instance))


def facts_of(post: Post) -> PostFacts | None:
    return post_facts([post.pk]).get(post.pk) if post.pk else None


def post_tags_changed(
    sender: type[Model],
    instance: Model,
    action: str,
    reverse: bool,
    pk_set: set[int] | None,
    **kwargs: Any,
) -> None:
    """A tag set on a post or, in reverse, a post put under a tag; before a clear nobody says which."""
    if action not in ("post_add", "post_remove", "pre_clear"):
        return
    posts = {instance.pk} if not reverse else (pk_set or linked(sender, "tag", instance.pk, "post"))
    tags = {instance.pk} if reverse else (pk_set or linked(sender, "post", instance.pk, "tag"))
    invalidate_on_commit(
        {dependencies.post(pk) for pk in posts}
        | {dependencies.posts_of("tag", pk) for pk in tags}
        | ({dependencies.TERMS} if tags else set())
    )


def linked(through: type[Model], by: str, pk: int, wanted: str) -> set[int]:
    rows = through._default_manager.filter(**{f"{by}_id": pk})
    return set(rows.values_list(f"{wanted}_id", flat=True))
