"""Rows to documents: only the fields that are shown."""

from content.documents import CoverDocument, PersonDocument, PostCard, PostDocument, TermDocument
from content.models import Author, Category, MediaFile, Post, Tag
from content.rendering import reading_minutes


def author_document(author: Author, *, with_bio: bool = False) -> PersonDocument:
    return PersonDocument(id=author.pk, slug=author.slug, name=author.name, bio=author.bio if with_bio else "")


def category_document(category: Category, *, with_description: bool = False) -> TermDocument:
    return TermDocument(
        id=category.pk,
        kind="categories",
        slug=category.slug,
        name=category.name,
        description=category.description if with_description else "",
    )


def tag_document(tag: Tag) -> TermDocument:
    return TermDocument(id=tag.pk, kind="tags", slug=tag.slug, name=tag.name)


def cover_document(media: MediaFile | None, alt: str) -> CoverDocument | None:
    if media is None:
        return None
    return CoverDocument(
        id=media.pk, url=media.file.url, alt=alt or media.alt_text, width=media.width, height=media.height
    )


def post_card(post: Post) -> PostCard:
    """Expects authorships, tags, category and cover to have been fetched."""
    assert post.published_at is not None  # noqa: S101 - the database holds what is public to it
    return PostCard(
        id=post.pk,
        url=post.get_absolute_url(),
        title=post.title,
        excerpt=post.excerpt,
        published_at=post.published_at,
        language=post.language,
        reading_minutes=reading_minutes(post.body),
        cover=cover_document(post.cover, post.cover_alt),
        authors=tuple(author_document(by.author) for by in post.authorships.all()),
        category=category_document(post.category) if post.category else None,
        tags=tuple(tag_document(tag) for tag in post.tags.all()),
    )


def post_document(post: Post) -> PostDocument:
    """As post_card, with the body."""
    card = post_card(post)
    return PostDocument(
        id=card.id,
        kind=post.kind,
        url=card.url,
        title=card.title,
        excerpt=card.excerpt,
        html=post.html,
        comments_open=post.comments_open,
        published_at=card.published_at,
        updated_at=post.updated_at,
        language=card.language,
        reading_minutes=card.reading_minutes,
        cover=card.cover,
        authors=card.authors,
        category=card.category,
        tags=card.tags,
    )
