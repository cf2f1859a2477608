"""The results of the API: these structs are the contract of v1, and the schemas of the OpenAPI document.

Their names are in the document, and clients generate code from it. Cached documents (`content.documents`) may change
with the pages that show them; these may only grow.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from content.documents import (
    AuthorDocument,
    CommentDocument,
    CoverDocument,
    DirectoryEntry,
    PostCard,
    PostDocument,
    SearchHit,
    TermDocument,
)

Slug = Annotated[str, Meta(description="Its name in URLs.", examples=["first-light"])]
Path = Annotated[str, Meta(description="The page for people: a path on this site.", examples=["/posts/first-light/"])]
Link = Annotated[str, Meta(description="A path of this API.", examples=["/api/v1/posts/first-light/"])]
Html = Annotated[str, Meta(description="Sanitised HTML; links in it may be relative to this site.")]
Time = Annotated[datetime, Meta(description="RFC 3339, in UTC.", examples=["2026-01-31T09:00:00Z"])]
Total = Annotated[int, Meta(ge=0, description="How many there are on all pages.")]
Next = Annotated[str | None, Meta(description="The path of the next page, to be followed as it is, or null.")]


class Image(Struct, frozen=True):
    """An image; its size in pixels where it is known."""

    url: Annotated[str, Meta(description="A path on this site.", examples=["/media/first-light.jpg"])]
    alt: Annotated[str, Meta(description="What it shows, in words.")]
    width: int | None
    height: int | None


class Named(Struct, frozen=True):
    """An author, category or tag, as it is named beside a post."""

    slug: Slug
    name: str
    link: Link


class Counted(Struct, frozen=True):
    """An author, category or tag in a list of all."""

    slug: Slug
    name: str
    posts: Annotated[int, Meta(ge=0, description="Public posts.")]
    url: Path
    link: Link


class Author(Struct, frozen=True):
    """An author of posts."""

    slug: Slug
    name: str
    bio: str
    url: Path
    link: Link
    posts: Annotated[str, Meta(description="The list of their posts: a path of this API.")]


class Term(Struct, frozen=True):
    """A category or a tag."""

    slug: Slug
    name: str
    description: str
    url: Path
    link: Link
    posts: Annotated[str, Meta(description="The list of posts under it: a path of this API.")]


class PostItem(Struct, frozen=True):
    """A post or page in a list."""

    slug: Slug
    title: str
    excerpt: str
    published_at: Time
    language: Annotated[str, Meta(description="BCP 47.", examples=["en"])]
    reading_minutes: Annotated[int, Meta(ge=0)]
    cover: Image | None
    authors: tuple[Named, ...]
    category: Named | None
    tags: tuple[Named, ...]
    url: Path
    link: Link


class Post(PostItem, frozen=True):
    """A post or page, whole."""

    html: Html
    updated_at: Time


class PostList(Struct, frozen=True):
    """One page of a list of posts or pages."""

    items: tuple[PostItem, ...]
    total: Total
    next: Next


class CountedList(Struct, frozen=True):
    """One page of the list of all authors, categories or tags, in the order of their slugs."""

    items: tuple[Counted, ...]
    total: Total
    next: Next


class Ranking(Struct, frozen=True):
    """A short list of posts in the order of their rank."""

    items: tuple[PostItem, ...]


class Index(Struct, frozen=True):
    """The title of the site, and links to all lists."""

    title: str
    tagline: str
    language: str
    posts: Link
    pages: Link
    authors: Link
    categories: Link
    tags: Link
    popular: Link
    trending: Link
    search: Link
    openapi: Link
    docs: Link


class Comment(Struct, frozen=True):
    """An approved comment. `parent` is the `id` of the one that it replies to, if that is shown."""

    id: int
    author_name: str
    html: Html
    created_at: Time
    parent: int | None
    depth: Annotated[int, Meta(ge=0, description="0 where a conversation begins.")]


class Thread(Struct, frozen=True):
    """The comments of a post in the order of a conversation: each behind what it replies to."""

    items: tuple[Comment, ...]
    total: Annotated[int, Meta(ge=0, description="The older ones counted that are not among `items`.")]


Marked = Annotated[str, Meta(description="Safe HTML: text, and the words found in `<mark>`.")]


class Hit(Struct, frozen=True):
    """A post or page that matches a search."""

    title: str
    heading: Marked
    snippet: Marked
    published_at: Time
    language: Annotated[str, Meta(description="BCP 47.", examples=["en"])]
    url: Path
    link: Link


class Found(Struct, frozen=True):
    """One page of search results, best first."""

    items: tuple[Hit, ...]
    total: Annotated[int, Meta(ge=0, description="At most 1,000; more words match fewer posts.")]
    next: Next


ROOT = "/api/v1/"
SINGULAR = {"categories": "category", "tags": "tag"}


def api_link(path: str) -> str:
    """The path in the API of a page of the site."""
    return f"{ROOT}{path.lstrip('/')}"


def post_link(document: PostCard | PostDocument | SearchHit) -> str:
    """The path in the API of a post or page. Pages stand at the root of the site, and below `pages/` here."""
    return api_link(document.url if document.url.startswith("/posts/") else f"pages{document.url}")


def serialize_name(row: AuthorDocument | TermDocument) -> Named:
    return Named(slug=row.slug, name=row.name, link=api_link(row.url))


def serialize_image(cover: CoverDocument) -> Image:
    return Image(url=cover.url, alt=cover.alt, width=cover.width, height=cover.height)


def common_fields(document: PostCard | PostDocument) -> dict[str, Any]:
    """The fields of a post in a list and of a whole one."""
    return {
        "slug": document.slug,
        "title": document.title,
        "excerpt": document.excerpt,
        "published_at": document.published_at,
        "language": document.language,
        "reading_minutes": document.reading_minutes,
        "cover": serialize_image(document.cover) if document.cover else None,
        "authors": tuple(map(serialize_name, document.authors)),
        "category": serialize_name(document.category) if document.category else None,
        "tags": tuple(map(serialize_name, document.tags)),
        "url": document.url,
        "link": post_link(document),
    }


def serialize_post(document: PostDocument) -> Post:
    return Post(**common_fields(document), html=document.html, updated_at=document.updated_at)


def serialize_cards(cards: dict[int, PostCard], ids: Sequence[int]) -> tuple[PostItem, ...]:
    """Convert cards in the order of the ids. A post that was withdrawn a moment ago has none."""
    return tuple(PostItem(**common_fields(cards[pk])) for pk in ids if pk in cards)


def select_fields(item: Struct, names: str | None) -> Any:
    """The struct, or those fields of it: names with commas, validated before."""
    return item if names is None else {name: getattr(item, name) for name in names.split(",")}


def serialize_comment(comment: CommentDocument) -> Comment:
    return msgspec.convert(comment, Comment, from_attributes=True)


def serialize_hit(hit: SearchHit) -> Hit:
    return Hit(
        title=hit.title,
        heading=hit.heading,
        snippet=hit.snippet,
        published_at=hit.published_at,
        language=hit.language,
        url=hit.url,
        link=post_link(hit),
    )


def serialize_author(person: AuthorDocument) -> Author:
    link, posts = api_link(person.url), f"{ROOT}posts/?author={person.slug}"
    return Author(slug=person.slug, name=person.name, bio=person.bio, url=person.url, link=link, posts=posts)


def serialize_term(term: TermDocument) -> Term:
    return Term(
        slug=term.slug,
        name=term.name,
        description=term.description,
        url=term.url,
        link=api_link(term.url),
        posts=f"{ROOT}posts/?{SINGULAR[term.kind]}={term.slug}",
    )


def serialize_entries(plural: str, entries: Iterable[DirectoryEntry]) -> tuple[Counted, ...]:
    """plural: authors, categories or tags, as in the path."""
    return tuple(
        Counted(
            slug=entry.slug,
            name=entry.name,
            posts=entry.posts,
            url=f"/{plural}/{entry.slug}/",
            link=api_link(f"{plural}/{entry.slug}/"),
        )
        for entry in entries
    )
