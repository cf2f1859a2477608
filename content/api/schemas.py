"""The results of the API: these structs are the contract of v1, and the schemas of the OpenAPI document.

Their names are in the document, and clients generate code from it. Cached documents (`content.documents`) may change
with the pages that show them; these may only grow.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

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
