from bisect import bisect_right

from django.http import HttpRequest

from content import resources
from content.api.app import api
from content.api.listing import next_page
from content.api.parameters import DEFAULT_LIMIT, AfterSlug, Limit
from content.api.shapes import CountedList
from content.api.shaping import counted
from content.documents import DirectoryEntry


@api.endpoint("/authors/", CountedList, about="Authors, categories, tags")
async def authors(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, after: AfterSlug | None = None) -> CountedList:
    """All authors."""
    return await directory(request, "author", "authors", limit, after)


@api.endpoint("/categories/", CountedList, about="Authors, categories, tags")
async def categories(
    request: HttpRequest, limit: Limit = DEFAULT_LIMIT, after: AfterSlug | None = None
) -> CountedList:
    """All categories."""
    return await directory(request, "category", "categories", limit, after)


@api.endpoint("/tags/", CountedList, about="Authors, categories, tags")
async def tags(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, after: AfterSlug | None = None) -> CountedList:
    """All tags."""
    return await directory(request, "tag", "tags", limit, after)


async def directory(request: HttpRequest, kind: str, plural: str, limit: int, after: str | None) -> CountedList:
    index = await resources.directory_index.get(kind)
    part = max(0, bisect_right(index.starts, after) - 1) if after else 0
    found: list[DirectoryEntry] = []
    for start in index.starts[part:]:
        entries = (await resources.directory.get(kind, start)).entries
        found += [entry for entry in entries if not after or entry.slug > after]
        if len(found) > limit:
            break
    last = found[limit - 1].slug if len(found) > limit else None
    return CountedList(items=counted(plural, found[:limit]), total=index.total, next=next_page(request, last))
