from typing import Any

from django.http import HttpRequest

from content.api.app import api
from content.api.listing import listed
from content.api.paging import Range, page_of, place_of
from content.api.parameters import DEFAULT_LIMIT, After, FieldsOfItem, FieldsOfPost, Limit, Slug
from content.api.reading import found
from content.api.selecting import selected
from content.api.shapes import Post, PostList
from content.api.shaping import whole_post


@api.endpoint("/pages/", PostList, about="Pages")
async def pages(
    request: HttpRequest,
    limit: Limit = DEFAULT_LIMIT,
    after: After | None = None,
    fields: FieldsOfItem | None = None,
) -> PostList:
    """A list of the pages that stand by themselves, newest first."""
    wanted = Range(limit=limit, after=place_of(after) if after else None)
    return await listed(request, await page_of("pages", 0, wanted), fields)


@api.endpoint("/pages/{word:slug}/", Post, about="Pages")
async def page(request: HttpRequest, slug: Slug, fields: FieldsOfPost | None = None) -> Any:
    """A page, whole."""
    return selected(whole_post(await found("page", slug)), fields)
