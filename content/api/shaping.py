"""Documents, as the cache holds them, to what the API answers."""

from collections.abc import Iterable, Sequence

from content.api.shapes import Author, Counted, Image, Named, Post, PostItem, Term
from content.documents import (
    AuthorDocument,
    CoverDocument,
    DirectoryEntry,
    PostCard,
    PostDocument,
    SearchHit,
    TermDocument,
)

ROOT = "/api/v1/"
SINGULAR = {"categories": "category", "tags": "tag"}


def link_to(path: str) -> str:
    """Where the API has what people find at that path."""
    return f"{ROOT}{path.lstrip('/')}"


def named(row: AuthorDocument | TermDocument) -> Named:
    return Named(slug=row.slug, name=row.name, link=link_to(row.url))


def image(cover: CoverDocument | None) -> Image | None:
    if cover is None:
        return None
    return Image(url=cover.url, alt=cover.alt, width=cover.width, height=cover.height)


def link_of(document: PostCard | PostDocument | SearchHit) -> str:
    """Pages stand at the root of the site, and in a folder here."""
    return link_to(document.url if document.url.startswith("/posts/") else f"pages{document.url}")


def post_item(card: PostCard) -> PostItem:
    return PostItem(
        slug=card.slug,
        title=card.title,
        excerpt=card.excerpt,
        published_at=card.published_at,
        language=card.language,
        reading_minutes=card.reading_minutes,
        cover=image(card.cover),
        authors=tuple(map(named, card.authors)),
        category=named(card.category) if card.category else None,
        tags=tuple(map(named, card.tags)),
        url=card.url,
        link=link_of(card),
    )


def whole_post(document: PostDocument) -> Post:
    return Post(
        slug=document.slug,
        title=document.title,
        excerpt=document.excerpt,
        html=document.html,
        published_at=document.published_at,
        updated_at=document.updated_at,
        language=document.language,
        reading_minutes=document.reading_minutes,
        cover=image(document.cover),
        authors=tuple(map(named, document.authors)),
        category=named(document.category) if document.category else None,
        tags=tuple(map(named, document.tags)),
        url=document.url,
        link=link_of(document),
    )


def items_of(cards: dict[int, PostCard], ids: Sequence[int]) -> tuple[PostItem, ...]:
    """In that order; a post that is gone by now is left out."""
    return tuple(post_item(cards[pk]) for pk in ids if pk in cards)


def whole_author(person: AuthorDocument) -> Author:
    link, posts = link_to(person.url), f"{ROOT}posts/?author={person.slug}"
    return Author(slug=person.slug, name=person.name, bio=person.bio, url=person.url, link=link, posts=posts)


def whole_term(term: TermDocument) -> Term:
    return Term(
        slug=term.slug,
        name=term.name,
        description=term.description,
        url=term.url,
        link=link_to(term.url),
        posts=f"{ROOT}posts/?{SINGULAR[term.kind]}={term.slug}",
    )


def counted(plural: str, entries: Iterable[DirectoryEntry]) -> tuple[Counted, ...]:
    """plural: as in the path."""
    return tuple(
        Counted(
            slug=entry.slug,
            name=entry.name,
            posts=entry.posts,
            url=f"/{plural}/{entry.slug}/",
            link=link_to(f"{plural}/{entry.slug}/"),
        )
        for entry in entries
    )
