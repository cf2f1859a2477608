from collections.abc import Sequence

from content.caching import NotThere
from content.documents import PersonDocument, TermDocument
from content.models import Author, Category, Tag
from content.selectors.documents import author_document, category_document, tag_document


async def category_by_slug(slug: str) -> TermDocument:
    category = await Category.objects.filter(slug=slug).afirst()
    if category is None:
        raise NotThere(f"no category {slug!r}")
    return category_document(category, with_description=True)


async def categories_by_slug(slugs: Sequence[str]) -> dict[str, TermDocument]:
    rows = Category.objects.filter(slug__in=slugs)
    return {row.slug: category_document(row, with_description=True) async for row in rows}


async def tag_by_slug(slug: str) -> TermDocument:
    tag = await Tag.objects.filter(slug=slug).afirst()
    if tag is None:
        raise NotThere(f"no tag {slug!r}")
    return tag_document(tag)


async def tags_by_slug(slugs: Sequence[str]) -> dict[str, TermDocument]:
    return {row.slug: tag_document(row) async for row in Tag.objects.filter(slug__in=slugs)}


async def author_by_slug(slug: str) -> PersonDocument:
    author = await Author.objects.filter(slug=slug).afirst()
    if author is None:
        raise NotThere(f"no author {slug!r}")
    return author_document(author, with_bio=True)


async def authors_by_slug(slugs: Sequence[str]) -> dict[str, PersonDocument]:
    rows = Author.objects.filter(slug__in=slugs)
    return {row.slug: author_document(row, with_bio=True) async for row in rows}
