from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from content import dependencies
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

    @property
    def announced(self) -> bool:
        return self.status in (Post.Status.PUBLISHED, Post.Status.SCHEDULED) and not self.protected

    @property
    def listed(self) -> bool:
        return self.kind == Post.Kind.POST and self.announced

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
        )
        for row in Post.objects.filter(pk__in=wanted).only(
            "pk", "slug", "kind", "status", "password", "published_at", "category_id"
        )
    }


def changed_tags(before: PostFacts | None, after: PostFacts | None) -> set[str]:
    """The post itself, what can be found, and the lists of both states where a list could show the difference.

    Lists hold ids, so a change of words alone leaves them as they are.
    """
    states = [facts for facts in (before, after) if facts is not None]
    tags = {dependencies.post(facts.pk) for facts in states}
    tags |= {dependencies.slug("post", facts.slug) for facts in states}
    if any(facts.announced for facts in states):
        tags.add(dependencies.SEARCH)
    if before != after:
        for facts in states:
            tags |= facts.lists
    return tags
