import asyncio
from typing import Any

from django.http import HttpRequest

from content import resources
from content.api.app import api
from content.api.listing import listed
from content.api.paging import Cut, Range, cut, page_of, place_of
from content.api.parameters import (
    DEFAULT_LIMIT,
    After,
    FieldsOfItem,
    FieldsOfPost,
    Limit,
    Ordering,
    Since,
    Slug,
    Text,
    Until,
)
from content.api.reading import found
from content.api.selecting import selected
from content.api.shapes import Post, PostList
from content.api.shaping import whole_post
from content.caching import NotThere
from content.rendering import normalise_query

TERMS = ("category", "tag", "author")


@api.endpoint("/posts/", PostList, about="Posts", kept_with=TERMS)
async def posts(
    request: HttpRequest,
    category: Slug | None = None,
    tag: Slug | None = None,
    author: Slug | None = None,
    q: Text | None = None,
    since: Since | None = None,
    until: Until | None = None,
    ordering: Ordering = "newest",
    limit: Limit = DEFAULT_LIMIT,
    after: After | None = None,
    fields: FieldsOfItem | None = None,
) -> PostList:
    """A list of posts.

    Filters go together: what comes passes all of them. A category, tag or author that is not there is 404.
    """
    lists = await chosen(category=category, tag=tag, author=author)
    wanted = Range(
        limit=limit,
        oldest_first=ordering == "oldest",
        after=place_of(after) if after else None,
        since=since,
        until=until,
    )
    return await listed(request, await found_in(lists, q, wanted), fields)


@api.endpoint("/posts/{word:slug}/", Post, about="Posts")
async def post(request: HttpRequest, slug: Slug, fields: FieldsOfPost | None = None) -> Any:
    """A post, whole."""
    return selected(whole_post(await found("post", slug)), fields)


async def found_in(lists: dict[str, int], q: str | None, wanted: Range) -> Cut:
    """Of several lists at once, and of what has words, the newest 10,000 posts are told apart."""
    words = normalise_query(q) if q is not None else ""
    if q is not None and not words:
        return Cut((), 0, None)
    if not words and len(lists) < 2:
        ((by, pk),) = lists.items() or [("all", 0)]
        return await page_of(by, pk, wanted)
    return cut(await resources.matches.get(words, *(lists.get(kind, 0) for kind in TERMS)), wanted)


async def chosen(**slugs: str | None) -> dict[str, int]:
    """The id of each of these terms."""
    given = {kind: slug for kind, slug in slugs.items() if slug is not None}
    return dict(zip(given, await asyncio.gather(*(term(*each) for each in given.items())), strict=True))


async def term(kind: str, slug: str) -> Any:
    """Its id."""
    try:
        return (await resources.BY_NAME[kind].get(slug)).id
    except NotThere as error:
        raise NotThere(f"{kind} {slug!r}") from error
