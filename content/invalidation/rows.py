from collections.abc import Iterable

from django.db import models

from content import dependencies
from content.invalidation.post_facts import changed_tags, post_facts
from content.models import Author, Authorship, Category, Comment, MediaFile, Post, Redirect, SiteConfig, Tag

KINDS: dict[type[models.Model], str] = {Author: "author", Category: "category", Tag: "tag"}


def tags_of(rows: Iterable[models.Model]) -> set[str]:
    """Every tag of these rows, for a change of which nothing closer is known.

    Posts are read from the database (their authors and tags too), others are taken as given. A change
    has the tags of its rows before it and after it: call this twice, and invalidate both.
    """
    tags: set[str] = set()
    posts: set[int] = set()
    for row in rows:
        if isinstance(row, Post):
            posts.add(row.pk)
        else:
            tags |= tags_of_row(row)
    for facts in post_facts(posts).values() if posts else ():
        tags |= changed_tags(None, facts)
    return tags


def tags_of_row(row: models.Model) -> set[str]:
    match row:
        case Author() | Category() | Tag():
            return tags_of_term(KINDS[type(row)], row.pk, row.slug)
        case Authorship():
            return {
                dependencies.post(row.post_id),
                dependencies.posts_of("author", row.author_id),
                dependencies.AUTHORS,
            }
        case Comment():
            return thread_of(row)
        case MediaFile():
            return {dependencies.media(row.pk)}
        case Redirect():
            return {dependencies.redirect(row.old_path)}
        case SiteConfig():
            return {dependencies.SITE}
    return set()


def tags_of_term(kind: str, pk: int, slug: str) -> set[str]:
    own = {dependencies.row(kind, pk), dependencies.slug(kind, slug)}
    return own | {dependencies.AUTHORS if kind == "author" else dependencies.TERMS}


def thread_of(comment: Comment) -> set[str]:
    """Of what no reader sees, nothing has changed."""
    return {dependencies.comments(comment.post_id)} if comment.status == Comment.Status.APPROVED else set()
