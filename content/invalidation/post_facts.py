from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from content import dependencies
from content.documents.sitemap import part_of
from content.models import Authorship, Post


@dataclass(frozen=True)
class PostFacts:
    """What lists ask of a post: whether they show it, where, and in which order."""

    pk: int
    slug: str
    kind: str
    status: str
    protected: bool
    published_at: datetime | None
    category: int | None
    tags: frozenset[int]
    authors: frozenset[int]
    # No list asks for it, the sitemap does.
    updated_at: datetime = field(compare=False)

    @property
    def announced(self) -> bool:
        """Public, now or by its time alone."""
        return self.status in (Post.Status.PUBLISHED, Post.Status.SCHEDULED) and not self.protected

    @property
    def listed(self) -> bool:
        return self.announced and self.kind == Post.Kind.POST

    @property
    def lists(self) -> set[str]:
        """The tags of the lists that show it; a page stands in that of pages alone."""
        if not self.listed:
            return {dependencies.PAGES} if self.announced else set()
        in_category = {dependencies.posts_of("category", self.category)} if self.category else set()
        return {
            dependencies.POSTS,
            *in_category,
            *(dependencies.posts_of("tag", pk) for pk in self.tags),
            *(dependencies.posts_of("author", pk) for pk in self.authors),
        }

    @property
    def listed_at(self) -> datetime | None:
        return self.published_at if self.listed else None

    @property
    def archives(self) -> set[str]:
        """The tags of the archives that count it."""
        if self.listed_at is None:
            return set()
        return dependencies.archives(timezone.localdate(self.listed_at, timezone.get_default_timezone()))

    @property
    def in_sitemap(self) -> tuple[str, str, datetime | None, datetime] | None:
        """What the sitemap tells of it."""
        return (self.kind, self.slug, self.published_at, self.updated_at) if self.announced else None

    @property
    def sitemaps(self) -> set[str]:
        """The tags of the sitemaps that name it."""
        if self.in_sitemap is None:
            return set()
        return {dependencies.SITEMAP, dependencies.sitemap_part(part_of(self.pk))}


def post_facts(pks: Iterable[int]) -> dict[int, PostFacts]:
    """The facts as the database has them now: three queries for any number of posts."""
    wanted = list(pks)
    tags: dict[int, set[int]] = defaultdict(set)
    for post, tag in Post.tags.through.objects.filter(post__in=wanted).values_list("post_id", "tag_id"):
        tags[post].add(tag)
    authors: dict[int, set[int]] = defaultdict(set)
    for post, author in Authorship.objects.filter(post__in=wanted).values_list("post_id", "author_id"):
        authors[post].add(author)
    return {
        row.pk: PostFacts(
            pk=row.pk,
            slug=row.slug,
            kind=row.kind,
            status=row.status,
            protected=bool(row.password),
            published_at=row.published_at,
            category=row.category_id,
            tags=frozenset(tags[row.pk]),
            authors=frozenset(authors[row.pk]),
            updated_at=row.updated_at,
        )
        for row in Post.objects.filter(pk__in=wanted).only(
            "pk", "slug", "kind", "status", "password", "published_at", "updated_at", "category_id"
        )
    }


def changed_tags(before: PostFacts | None, after: PostFacts | None) -> set[str]:
    """The post itself, what can be found, and the lists of both states where a list could show the difference.

    Lists hold ids, so a change of words alone leaves them as they are. Archives count posts by time, whatever else
    becomes of them; the sitemap tells when each was changed.
    """
    states = [facts for facts in (before, after) if facts is not None]
    tags = {dependencies.post(facts.pk) for facts in states}
    tags |= {dependencies.slug("post", facts.slug) for facts in states}
    if any(facts.announced for facts in states):
        tags.add(dependencies.SEARCH)
    for facts in states:
        if before != after:
            tags |= facts.lists
        if differ(before, after, "listed_at"):
            tags |= facts.archives
        if differ(before, after, "in_sitemap"):
            tags |= facts.sitemaps
    return tags


def tags_of_changes(before: Mapping[int, PostFacts], after: Mapping[int, PostFacts]) -> set[str]:
    """Of a bulk write: the tags of each post that it touched, and of the lists where the difference shows."""
    return {tag for pk in {*before, *after} for tag in changed_tags(before.get(pk), after.get(pk))}


def differ(before: PostFacts | None, after: PostFacts | None, name: str) -> bool:
    return getattr(before, name, None) != getattr(after, name, None)
