import asyncio
from typing import Any

from django.http import HttpRequest

from content import resources
from content.api.app import api
from content.api.listing import listed
from content.api.paging import Range, place_of
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
from content.documents import SequenceDocument
from content.rendering import normalised

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
    sequences = await chosen(category=category, tag=tag, author=author)
    words = normalised(q) if q is not None else None
    wanted = Range(
        limit=limit,
        oldest_first=ordering == "oldest",
        after=place_of(after) if after else None,
        since=since,
        until=until,
    )
    return await listed(request, sequences, wanted, fields, await having(words))


@api.endpoint("/posts/{word:slug}/", Post, about="Posts")
async def post(request: HttpRequest, slug: Slug, fields: FieldsOfPost | None = None) -> Any:
    """A post, whole."""
    return selected(whole_post(await found("post", slug)), fields)


async def having(words: str | None) -> frozenset[int] | None:
    """The ids of the posts that have all these words; None where none are asked for."""
    if words is None:
        return None
    return frozenset(await resources.matches.get(words)) if words else frozenset()


async def chosen(**slugs: str | None) -> list[SequenceDocument]:
    """The list of each of these terms; without any the list of all."""
    given = [(kind, slug) for kind, slug in slugs.items() if slug is not None]
    rows = await asyncio.gather(*(term(kind, slug) for kind, slug in given))
    lists = [(kind, row) for (kind, _), row in zip(given, rows, strict=True)] or [("all", 0)]
    return await asyncio.gather(*(resources.sequence.get(by, pk) for by, pk in lists))


async def term(kind: str, slug: str) -> Any:
    """Its id."""
    try:
        return (await resources.BY_NAME[kind].get(slug)).id
    except NotThere as error:
        raise NotThere(f"{kind} {slug!r}") from error
