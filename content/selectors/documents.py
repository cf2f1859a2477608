"""Rows to documents: only the fields that are shown."""

from collections.abc import Mapping

from msgspec import structs

from content.documents import ContentsEntry, CoverDocument, PersonDocument, PostCard, PostDocument, TermDocument
from content.models import Author, Category, MediaFile, Post, Tag
from content.rendering import laid_out, opens_with, outline, reading_minutes

# A shorter post, in minutes, or one of fewer sections is read from top to bottom.
LONG_READ = 4
FEWEST_HEADINGS = 3


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
        excerpt=post.excerpt or post.beginning,
        published_at=post.published_at,
        language=post.language,
        reading_minutes=reading_minutes(post.word_count),
        cover=cover_document(post.cover, post.cover_alt),
        authors=tuple(author_document(by.author) for by in post.authorships.all()),
        category=category_document(post.category) if post.category else None,
        tags=tuple(tag_document(tag) for tag in post.tags.all()),
    )


def post_document(post: Post, pictures: Mapping[str, MediaFile]) -> PostDocument:
    """As post_card, with the body; `pictures` are the media files in it, by address."""
    card = post_card(post)
    measured = {source: (media.width, media.height) for source, media in pictures.items()}
    html = laid_out(post.html, {source: (w, h) for source, (w, h) in measured.items() if w and h})
    return PostDocument(
        id=card.id,
        kind=post.kind,
        url=card.url,
        title=card.title,
        excerpt=card.excerpt,
        html=html,
        comments_open=post.comments_open,
        published_at=card.published_at,
        updated_at=post.updated_at,
        language=card.language,
        reading_minutes=card.reading_minutes,
        cover=card.cover,
        authors=card.authors,
        category=card.category,
        tags=card.tags,
        contents=contents(html) if card.reading_minutes >= LONG_READ else (),
        pictures=tuple(media.pk for media in pictures.values()),
        has_code='<pre class="highlight"' in html,
        standfirst="" if opens_with(post.text, card.excerpt) else card.excerpt,
    )


def contents(html: str) -> tuple[ContentsEntry, ...]:
    """The headings of a body and those below them; none where they are too few to lead anywhere."""
    entries: list[ContentsEntry] = []
    for level, anchor, title in outline(html):
        entry = ContentsEntry(anchor=anchor, title=title)
        if level > 2 and entries:
            entries[-1] = structs.replace(entries[-1], parts=(*entries[-1].parts, entry))
        else:
            entries.append(entry)
    return tuple(entries) if len(entries) >= FEWEST_HEADINGS else ()
