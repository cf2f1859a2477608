"""The site's watched models: the columns that readers see, and the tags of a change.

Database triggers see every way of writing (content/caching/watch). A change has the tags of the row's old and new
state, because a row that moves leaves one list and joins another (rule 5 of docs/protocol.md).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.db import connection
from django.utils import timezone

from content import cache_tags
from content.caching.key import resource_tag, weak_tag
from content.caching.watch import Change, watch
from content.caching.watch.declaration import time_of
from content.documents.site import part_of
from content.models import Author, Authorship, Category, Comment, MediaFile, Post, Redirect, SiteConfig, Tag
from content.rendering import reading_minutes

# Resources that show no posts.
WITHOUT_POSTS = {"site", "redirect", "category", "tag", "author"}
# The columns that each document of a post shows. A change of one invalidates what needs that document, and makes
# stale what shows it in passing. Excerpts from the body and reading times are compared by tags_of_posts.
LISTING = ["kind", "status", "password", "published_at", "category"]
CARD = [*LISTING, "slug", "title", "excerpt", "cover", "cover_alt", "language"]
PAGE = [*CARD, "beginning", "word_count", "html", "text", "updated_at", "comments_open"]
DOCUMENTS = {"page": PAGE, "card": CARD, "listing": LISTING}


def declare_watches(resources: Iterable[str]) -> None:
    """Called once, when the application is ready. `resources` are the names of all resources."""
    everything = with_weak(resource_tag(name) for name in resources)
    of_posts = with_weak(resource_tag(name) for name in resources if name not in WITHOUT_POSTS)
    watch(
        Post,
        documents=DOCUMENTS,
        reads=["kind", "slug", "category", "status", "published_at", "updated_at", "word_count"],
        tags=tags_of_posts,
        coarse=of_posts,
    )
    watch(
        Post.tags.through, name="post-tag", reads=["post", "tag"], tags=tags_of_links("tag", "terms"), coarse=of_posts
    )
    watch(
        Authorship,
        columns=["position"],
        reads=["post", "author"],
        tags=tags_of_links("author", "authors"),
        coarse=of_posts,
    )
    for model, kind in ((Author, "author"), (Category, "category"), (Tag, "tag")):
        shown = [field.name for field in model._meta.concrete_fields if not field.primary_key]
        watch(model, columns=shown, reads=["slug"], tags=tags_of_terms(kind), coarse=everything)
    watch(
        Comment,
        columns=["author_name", "html", "parent", "created_at"],
        reads=["post", "status"],
        tags=tags_of_comments,
        coarse=of_posts,
    )
    watch(
        MediaFile,
        columns=["file", "alt_text", "width", "height"],
        tags=lambda changes: [cache_tags.media(change.pk) for change in changes],
        coarse=of_posts,
    )
    watch(
        Redirect,
        columns=["new_path"],
        reads=["old_path"],
        tags=lambda changes: [
            cache_tags.redirect(state["old_path"]) for change in changes for state in change.states
        ],
        coarse=[resource_tag("redirect")],
    )
    site = [field.name for field in SiteConfig._meta.concrete_fields]
    watch(SiteConfig, columns=site, tags=lambda changes: [cache_tags.SITE], coarse=[cache_tags.SITE])


def with_weak(tags: Iterable[str]) -> list[str]:
    """The tags and their weak forms: a coarse change may have withdrawn any row."""
    return [each for tag in tags for each in (tag, weak_tag(tag))]


def tags_of_links(kind: str, others: str) -> Callable[[Sequence[Change]], set[str]]:
    """The tags of rows between posts and tags or authors. `others` is the tag of all lists of that kind."""

    def tags(changes: Sequence[Change]) -> set[str]:
        states = [state for change in changes for state in change.states]
        posts = {cache_tags.document(state["post_id"], name) for state in states for name in DOCUMENTS}
        return {others} | posts | {cache_tags.posts_of(kind, state[f"{kind}_id"]) for state in states}

    return tags


def tags_of_terms(kind: str) -> Callable[[Sequence[Change]], set[str]]:
    def tags(changes: Sequence[Change]) -> set[str]:
        slugs = {cache_tags.slug(kind, state["slug"]) for change in changes for state in change.states}
        rows = {cache_tags.row(kind, change.pk) for change in changes}
        deleted = {cache_tags.row(kind, change.pk) for change in changes if change.new is None}
        directory = {cache_tags.AUTHORS if kind == "author" else cache_tags.TERMS}
        hidden = directory | deleted if deleted else set()
        return directory | slugs | rows | {weak_tag(tag) for tag in hidden}

    return tags


def tags_of_comments(changes: Sequence[Change]) -> set[str]:
    """Tags of approved comments only: readers see no others."""
    return {
        cache_tags.comments(state["post_id"])
        for change in changes
        for state in change.states
        if state["status"] == Comment.Status.APPROVED
    }


@dataclass(frozen=True)
class PostState:
    """The columns of a post that decide its lists, before or after a change."""

    pk: int
    # Lists hold ids.
    slug: str = field(compare=False)
    kind: str
    status: str
    published_at: datetime | None
    category: int | None
    # Only the sitemap depends on it.
    updated_at: datetime | None = field(compare=False)
    minutes: int = field(compare=False)

    @classmethod
    def of(cls, pk: int, columns: Mapping[str, Any] | None) -> "PostState | None":
        if columns is None:
            return None
        return cls(
            pk=pk,
            slug=columns["slug"],
            kind=columns["kind"],
            status=columns["status"],
            published_at=time_of(columns["published_at"]),
            category=columns["category_id"],
            updated_at=time_of(columns["updated_at"]),
            minutes=reading_minutes(columns["word_count"]),
        )

    @property
    def is_announced(self) -> bool:
        """Whether it is public, or will be at its time; passwords are not considered."""
        return self.status in (Post.Status.PUBLISHED, Post.Status.SCHEDULED)

    def is_hidden_by(self, after: "PostState | None", change: Change) -> bool:
        """Whether readers may no longer see it: withdrawn, deleted, behind a password, or at another time."""
        if not self.is_announced:
            return False
        if after is None or not after.is_announced or "password" in change.columns:
            return True
        return (after.kind, after.published_at) != (self.kind, self.published_at)

    @property
    def listed_at(self) -> datetime | None:
        return self.published_at if self.is_announced and self.kind == Post.Kind.POST else None

    @property
    def sitemap_entry(self) -> tuple[str, str, datetime | None, datetime | None] | None:
        return (self.kind, self.slug, self.published_at, self.updated_at) if self.is_announced else None

    def lists(self, links: Iterable[str]) -> set[str]:
        """The tags of the lists that show it. `links` are those of its tags and authors."""
        if not self.is_announced:
            return set()
        if self.kind == Post.Kind.PAGE:
            return {cache_tags.PAGES}
        in_category = {cache_tags.posts_of("category", self.category)} if self.category else set()
        return {cache_tags.POSTS, *in_category, *links}

    @property
    def archives(self) -> set[str]:
        """The tags of the archives that count it, by the site's time zone."""
        if self.listed_at is None:
            return set()
        return cache_tags.archives(timezone.localdate(self.listed_at, timezone.get_default_timezone()))

    @property
    def sitemaps(self) -> set[str]:
        return {cache_tags.SITEMAP, cache_tags.sitemap_part(part_of(self.pk))} if self.sitemap_entry else set()


def tags_of_posts(changes: Sequence[Change]) -> set[str]:
    """Tags of changed posts beside those of their documents: addresses, and lists that show the difference.

    Lists hold ids, so a change of the text does not change them. Archives count posts by time. The sitemap has the
    times of changes. Two queries at most, for any number of posts: readers get the old state until they are done.
    """
    links = cache(partial(_links_of, [change.pk for change in changes]))
    tags = {tag for change in changes for tag in _tags_of_post(change, links)}
    return tags | {cache_tags.document(pk, "card") for pk in _posts_with_new_beginning(changes)}


def _posts_with_new_beginning(changes: Sequence[Change]) -> list[int]:
    """Posts without an excerpt: their cards show the beginning of the body, which has changed."""
    changed = [change.pk for change in changes if "beginning" in change.columns]
    return list(Post.objects.filter(pk__in=changed, excerpt="").values_list("pk", flat=True)) if changed else []


def _tags_of_post(change: Change, links: Callable[[], Mapping[int, set[str]]]) -> set[str]:
    before, after = PostState.of(change.pk, change.old), PostState.of(change.pk, change.new)
    states = [state for state in (before, after) if state is not None]
    tags = set[str]()
    has_moved = before != after or "password" in change.columns
    if has_moved or _differ(before, after, "slug", change):
        # Entries of an address where nothing was, and of the address that it had.
        tags |= {cache_tags.slug("post", state.slug) for state in states}
    if _differ(before, after, "minutes", change):
        tags.add(cache_tags.document(change.pk, "card"))
    if before is not None and before.is_hidden_by(after, change):
        tags |= {weak_tag(cache_tags.document(change.pk, name)) for name in DOCUMENTS}
    for state in states:
        if state.is_announced:
            tags.add(cache_tags.SEARCH)
        if has_moved:
            tags |= state.lists(links()[change.pk])
        if has_moved and _differ(before, after, "listed_at", change):
            tags |= state.archives
        if _differ(before, after, "sitemap_entry", change):
            tags |= state.sitemaps
    if after is None:
        tags.add(cache_tags.comments(change.pk))
    return tags


def _differ(before: PostState | None, after: PostState | None, name: str, change: Change) -> bool:
    """Whether a property changed. A changed password hides or shows the post, so it counts too."""
    return "password" in change.columns or getattr(before, name, None) != getattr(after, name, None)


def _links_of(posts: Sequence[int]) -> Mapping[int, set[str]]:
    """The tags of the lists of each post's tags and authors, as they are now. Changed links are separate changes."""
    links: dict[int, set[str]] = defaultdict(set)
    tables = {"tag": Post.tags.through._meta.db_table, "author": Authorship._meta.db_table}
    among = f"post_id IN ({', '.join(['%s'] * len(posts))})"
    # One round trip, and no query for the ORM to build.
    sql = " UNION ALL ".join(
        f"SELECT post_id, '{kind}', {kind}_id FROM {table} WHERE {among}"  # noqa: S608
        for kind, table in tables.items()
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*posts] * len(tables))
        for post, kind, pk in cursor.fetchall():
            links[post].add(cache_tags.posts_of(kind, pk))
    return links
