"""A small blog in the database, for tests that read it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from content.documents.site import part_of
from content.invalidation import DOCUMENTS
from content.models import Author, Authorship, Category, Post, SiteConfig, Tag


def make_post(slug: str, *, tags: Sequence[Tag] = (), authors: Sequence[Author] = (), **fields: Any) -> Post:
    defaults = {"title": slug.replace("-", " ").title(), "body": f"Body of {slug}.", "status": "published"}
    post = Post.objects.create(slug=slug, **defaults | fields)
    if tags:
        post.tags.set(tags)
    for position, author in enumerate(authors):
        Authorship.objects.create(post=post, author=author, position=position)
    return post


def documents_of(post: Post) -> set[str]:
    """The tags of its documents."""
    return {f"post:{post.pk}:{name}" for name in DOCUMENTS}


def shown_in_passing_of(post: Post) -> set[str]:
    """The tags of what shows it in passing."""
    return {f"~{tag}" for tag in documents_of(post)}


def sitemaps_of(post: Post) -> set[str]:
    """The tags of the sitemap that it is in: where many rows were made before, its part is not the first."""
    return {"sitemap", f"sitemap:{part_of(post.pk)}"}


def make_blog(posts: int = 25, now: datetime | None = None) -> list[Post]:
    """Posts an hour apart, newest first: two categories, one tag, two authors, 10 a page, without an invalidation."""
    now = now or timezone.now()
    SiteConfig(title="Test blog", tagline="For tests", posts_per_page=10).save()
    categories = [Category.objects.create(slug=slug, name=slug.title()) for slug in ("news", "notes")]
    tag = Tag.objects.create(slug="green", name="Green")
    authors = [Author.objects.create(slug=slug, name=slug.title()) for slug in ("ann", "bob")]
    made = Post.objects.bulk_create(
        Post(
            slug=f"post-{number}",
            title=f"Post {number}",
            body=f"Body of post-{number}.",
            html=f"<p>Body of post-{number}.</p>\n",
            status="published",
            category=categories[number % 2],
            published_at=now - timedelta(hours=number + 1),
        )
        for number in range(posts)
    )
    Post.tags.through.objects.bulk_create(Post.tags.through(post=post, tag=tag) for post in made)
    Authorship.objects.bulk_create(
        Authorship(post=post, author=author, position=position)
        for post in made
        for position, author in enumerate(authors)
    )
    return made
