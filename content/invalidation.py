"""The site's watched models: the columns that readers see, and the tags of a change.

Database triggers see every way of writing (content/caching/watch). A change has the tags of the row's old and new
state, because a row that moves leaves one list and joins another (rule 5 of docs/protocol.md).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from content import cache_tags
from content.caching.key import resource_tag
from content.caching.watch import Change, watch
from content.caching.watch.declaration import time_of
from content.documents.sitemap import part_of
from content.models import Author, Authorship, Category, Comment, MediaFile, Post, Redirect, SiteConfig, Tag

# Resources that show no posts.
WITHOUT_POSTS = {"site", "redirect", "category", "tag", "author"}
POST_COLUMNS = [
    "kind", "slug", "title", "excerpt", "beginning", "word_count", "html", "text", "category", "cover", "cover_alt",
    "status", "password", "published_at", "updated_at", "language", "comments_open",
]  # fmt: skip


def declare_watches(resources: Iterable[str]) -> None:
    """Called once, when the application is ready. `resources` are the names of all resources."""
    everything = [resource_tag(name) for name in resources]
    of_posts = [resource_tag(name) for name in resources if name not in WITHOUT_POSTS]
    watch(
        Post,
        columns=POST_COLUMNS,
        reads=["kind", "slug", "category", "status", "published_at", "updated_at"],
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


def tags_of_links(kind: str, others: str) -> Callable[[Sequence[Change]], set[str]]:
    """For rows between posts and tags or authors. `others` is the tag of all lists of that kind."""

    def tags(changes: Sequence[Change]) -> set[str]:
        states = [state for change in changes for state in change.states]
        posts = {cache_tags.post(state["post_id"]) for state in states}
        return {others} | posts | {cache_tags.posts_of(kind, state[f"{kind}_id"]) for state in states}

    return tags


def tags_of_terms(kind: str) -> Callable[[Sequence[Change]], set[str]]:
    def tags(changes: Sequence[Change]) -> set[str]:
        slugs = {cache_tags.slug(kind, state["slug"]) for change in changes for state in change.states}
        rows = {cache_tags.row(kind, change.pk) for change in changes}
        return {cache_tags.AUTHORS if kind == "author" else cache_tags.TERMS} | slugs | rows

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
    slug: str
    kind: str
    status: str
    published_at: datetime | None
    category: int | None
    # Only the sitemap depends on it.
    updated_at: datetime | None = field(compare=False)

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
        )

    @property
    def is_announced(self) -> bool:
        """Whether it is public, or will be at its time; passwords are not considered."""
        return self.status in (Post.Status.PUBLISHED, Post.Status.SCHEDULED)

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
    """The post, its addresses, and the lists that show the difference of both states; two queries for any number.

    Lists hold ids, so a change of the text does not change them. Archives count posts by time. The sitemap has the
    times of changes.
    """
    links = _links_of([change.pk for change in changes])
    return {tag for change in changes for tag in _tags_of_post(change, links[change.pk])}


def _tags_of_post(change: Change, links: Iterable[str]) -> set[str]:
    before, after = PostState.of(change.pk, change.old), PostState.of(change.pk, change.new)
    states = [state for state in (before, after) if state is not None]
    tags = {cache_tags.post(change.pk), *(cache_tags.slug("post", state.slug) for state in states)}
    has_moved = before != after or "password" in change.columns
    for state in states:
        if state.is_announced:
            tags.add(cache_tags.SEARCH)
        if has_moved:
            tags |= state.lists(links)
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
    for post, tag in Post.tags.through.objects.filter(post__in=posts).values_list("post_id", "tag_id"):
        links[post].add(cache_tags.posts_of("tag", tag))
    for post, author in Authorship.objects.filter(post__in=posts).values_list("post_id", "author_id"):
        links[post].add(cache_tags.posts_of("author", author))
    return links
