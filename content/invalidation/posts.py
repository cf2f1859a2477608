"""The tags of changed posts beside those of their documents: addresses, and the lists that show the difference.

Lists hold ids, so a change of the text does not change them. Archives count posts by time. The sitemap has the times
of changes. A post that is withdrawn also has the weak tags of its documents, so that nothing shows it in passing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from content import dependencies
from content.caching.key import weak_tag
from content.caching.watch import Change
from content.caching.watch.declaration import time_of
from content.documents.sitemap import part_of
from content.models import Authorship, Post
from content.rendering import reading_minutes

DOCUMENTS = ("page", "card", "listing")


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
        has_gone = after is None or not after.is_announced or after.kind != self.kind
        return has_gone or "password" in change.columns or after.published_at != self.published_at

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
            return {dependencies.PAGES}
        in_category = {dependencies.posts_of("category", self.category)} if self.category else set()
        return {dependencies.POSTS, *in_category, *links}

    @property
    def archives(self) -> set[str]:
        """The tags of the archives that count it, by the site's time zone."""
        if self.listed_at is None:
            return set()
        return dependencies.archives(timezone.localdate(self.listed_at, timezone.get_default_timezone()))

    @property
    def sitemaps(self) -> set[str]:
        return {dependencies.SITEMAP, dependencies.sitemap_part(part_of(self.pk))} if self.sitemap_entry else set()


def tags_of_posts(changes: Sequence[Change]) -> set[str]:
    """Collect the tags of changed posts: two queries for any number of posts."""
    links = _links_of([change.pk for change in changes])
    return {tag for change in changes for tag in _tags_of_post(change, links[change.pk])}


def _tags_of_post(change: Change, links: Iterable[str]) -> set[str]:
    before, after = PostState.of(change.pk, change.old), PostState.of(change.pk, change.new)
    states = [state for state in (before, after) if state is not None]
    tags = set[str]()
    has_moved = before != after or "password" in change.columns
    if has_moved or _differ(before, after, "slug", change):
        # Entries of an address where nothing was, and of the address that it had.
        tags |= {dependencies.slug("post", state.slug) for state in states}
    if _differ(before, after, "minutes", change):
        tags.add(dependencies.document(change.pk, "card"))
    if before is not None and before.is_hidden_by(after, change):
        tags |= {weak_tag(dependencies.document(change.pk, name)) for name in DOCUMENTS}
    for state in states:
        if state.is_announced:
            tags.add(dependencies.SEARCH)
        if has_moved:
            tags |= state.lists(links)
        if has_moved and _differ(before, after, "listed_at", change):
            tags |= state.archives
        if _differ(before, after, "sitemap_entry", change):
            tags |= state.sitemaps
    if after is None:
        tags.add(dependencies.comments(change.pk))
    return tags


def _differ(before: PostState | None, after: PostState | None, name: str, change: Change) -> bool:
    """Whether a property changed. A changed password hides or shows the post, so it counts too."""
    return "password" in change.columns or getattr(before, name, None) != getattr(after, name, None)


def _links_of(posts: Sequence[int]) -> Mapping[int, set[str]]:
    """The tags of the lists of each post's tags and authors, as they are now. Changed links are separate changes."""
    links: dict[int, set[str]] = defaultdict(set)
    for post, tag in Post.tags.through.objects.filter(post__in=posts).values_list("post_id", "tag_id"):
        links[post].add(dependencies.posts_of("tag", tag))
    for post, author in Authorship.objects.filter(post__in=posts).values_list("post_id", "author_id"):
        links[post].add(dependencies.posts_of("author", author))
    return links
