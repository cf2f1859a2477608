"""Authors, categories and tags: their lists, and each of them."""

from bisect import bisect_right

from django.http import HttpRequest

from content import resources
from content.api.pagination import next_link
from content.api.parameters import DEFAULT_LIMIT, AfterSlug, Limit, Omittable, Slug
from content.api.router import api
from content.api.schemas import Author, CountedList, Term
from content.api.serializers import serialize_author, serialize_entries, serialize_term
from content.documents import DirectoryEntry

TAG = "Authors, categories, tags"


@api.endpoint("/authors/", CountedList, tag=TAG)
async def authors(
    request: HttpRequest, limit: Limit = DEFAULT_LIMIT, after: Omittable[AfterSlug] = None
) -> CountedList:
    """All authors."""
    return await list_entries(request, "author", "authors", limit, after)


@api.endpoint("/categories/", CountedList, tag=TAG)
async def categories(
    request: HttpRequest, limit: Limit = DEFAULT_LIMIT, after: Omittable[AfterSlug] = None
) -> CountedList:
    """All categories."""
    return await list_entries(request, "category", "categories", limit, after)


@api.endpoint("/tags/", CountedList, tag=TAG)
async def tags(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, after: Omittable[AfterSlug] = None) -> CountedList:
    """All tags."""
    return await list_entries(request, "tag", "tags", limit, after)


@api.endpoint("/authors/{word:slug}/", Author, tag=TAG)
async def author(request: HttpRequest, slug: Slug) -> Author:
    """An author."""
    return serialize_author(await resources.author.get(slug))


@api.endpoint("/categories/{word:slug}/", Term, tag=TAG)
async def category(request: HttpRequest, slug: Slug) -> Term:
    """A category."""
    return serialize_term(await resources.category.get(slug))


@api.endpoint("/tags/{word:slug}/", Term, tag=TAG)
async def tag(request: HttpRequest, slug: Slug) -> Term:
    """A tag."""
    return serialize_term(await resources.tag.get(slug))


async def list_entries(request: HttpRequest, kind: str, plural: str, limit: int, after: str | None) -> CountedList:
    index = await resources.directory_index.get(kind)
    part = max(0, bisect_right(index.starts, after) - 1) if after else 0
    found: list[DirectoryEntry] = []
    for start in index.starts[part:]:
        entries = (await resources.directory.get(kind, start)).entries
        found += [entry for entry in entries if not after or entry.slug > after]
        if len(found) > limit:
            break
    last = found[limit - 1].slug if len(found) > limit else None
    items = serialize_entries(plural, found[:limit])
    return CountedList(items=items, total=index.total, next=next_link(request, last))
