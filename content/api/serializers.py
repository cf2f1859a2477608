"""Convert cached documents to the results of the API."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from content.api.schemas import Author, Comment, Counted, Hit, Image, Named, Post, PostItem, Term
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
