"""The endpoints, by their headings in the OpenAPI document. An import declares them."""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from content import resources
from content.api.errors import Gone
from content.api.pagination import Page, Range, cut, next_link, page_of, position_of
from content.api.parameters import (
    DEFAULT_LIMIT,
    After,
    AfterSlug,
    FieldsOfItem,
    FieldsOfPost,
    Limit,
    Omittable,
    Ordering,
    PageNumber,
    Since,
    Slug,
    Text,
    Until,
)
from content.api.router import api
from content.api.schemas import (
    ROOT,
    Author,
    CountedList,
    Found,
    Index,
    Post,
    PostList,
    Ranking,
    Term,
    Thread,
    select_fields,
    serialize_author,
    serialize_cards,
    serialize_comment,
    serialize_entries,
    serialize_hit,
    serialize_post,
    serialize_term,
)
from content.caching import NotThere
from content.documents import DirectoryEntry, PostDocument
from content.rendering import normalise_query

TERMS = ("category", "tag", "author")
TERMS_HEADING = "Authors, categories, tags"


@api.endpoint("/", Index, tag="Start")
async def index(request: HttpRequest) -> Index:
    """The title of the site, and links to all lists."""
    site = await resources.site.get()
    return Index(
        title=site.title,
        tagline=site.tagline,
        language=site.language,
        posts=f"{ROOT}posts/",
        pages=f"{ROOT}pages/",
        authors=f"{ROOT}authors/",
        categories=f"{ROOT}categories/",
        tags=f"{ROOT}tags/",
        popular=f"{ROOT}popular/",
        trending=f"{ROOT}trending/",
        search=f"{ROOT}search/",
        openapi=f"{ROOT}openapi.json",
        docs=f"{ROOT}docs/",
    )


@api.endpoint("/posts/", PostList, tag="Posts", stored_with=TERMS)
async def posts(
    request: HttpRequest,
    category: Omittable[Slug] = None,
    tag: Omittable[Slug] = None,
    author: Omittable[Slug] = None,
    q: Omittable[Text] = None,
    since: Omittable[Since] = None,
    until: Omittable[Until] = None,
    ordering: Ordering = "newest",
    limit: Limit = DEFAULT_LIMIT,
    after: Omittable[After] = None,
    fields: Omittable[FieldsOfItem] = None,
) -> PostList:
    """A list of posts.

    A post must pass all filters. An unknown category, tag or author is 404.
    """
    lists = await ids_of_terms(category=category, tag=tag, author=author)
    wanted = Range(
        limit=limit,
        oldest_first=ordering == "oldest",
        after=position_of(after) if after else None,
        since=since,
        until=until,
    )
    return await list_posts(request, await filter_posts(lists, q, wanted), fields)


@api.endpoint("/posts/{word:slug}/", Post, tag="Posts")
async def post(request: HttpRequest, slug: Slug, fields: Omittable[FieldsOfPost] = None) -> Any:
    """A post, whole."""
    return select_fields(serialize_post(await get_post("post", slug)), fields)


@api.endpoint("/posts/{word:slug}/comments/", Thread, tag="Posts")
async def comments(request: HttpRequest, slug: Slug) -> Thread:
    """The latest comments of a post, at most 500."""
    post = await get_post("post", slug)
    thread = await resources.comments.get(post.id)
    return Thread(items=tuple(map(serialize_comment, thread.comments)), total=thread.total)


@api.endpoint("/popular/", Ranking, tag="Posts")
async def popular(request: HttpRequest) -> Ranking:
    """The posts with the most views of all time."""
    return await rank_posts(await resources.popular.get())


@api.endpoint("/trending/", Ranking, tag="Posts")
async def trending(request: HttpRequest) -> Ranking:
    """The posts that are read most at present."""
    return await rank_posts(await resources.trending.get())


@api.endpoint("/pages/", PostList, tag="Pages")
async def pages(
    request: HttpRequest,
    limit: Limit = DEFAULT_LIMIT,
    after: Omittable[After] = None,
    fields: Omittable[FieldsOfItem] = None,
) -> PostList:
    """A list of pages, newest first."""
    wanted = Range(limit=limit, after=position_of(after) if after else None)
    return await list_posts(request, await page_of("pages", 0, wanted), fields)


@api.endpoint("/pages/{word:slug}/", Post, tag="Pages")
async def page(request: HttpRequest, slug: Slug, fields: Omittable[FieldsOfPost] = None) -> Any:
    """A page, whole."""
    return select_fields(serialize_post(await get_post("page", slug)), fields)


async def get_post(kind: str, slug: str) -> PostDocument:
    """Get a public post or page (kind: post, page). Raises Gone for a withdrawn one, NotThere for any other."""
    try:
        return await resources.post.get(kind, slug)
    except NotThere:
        await resources.withdrawn.get(kind, slug)
        raise Gone(f"{kind} {slug!r}") from None


async def list_posts(request: HttpRequest, page: Page, fields: str | None) -> PostList:
    cards = await resources.post_card.get_many(page.ids)
    items = tuple(select_fields(item, fields) for item in serialize_cards(cards, page.ids))
    return PostList(items=items, total=page.total, next=next_link(request, page.last))


async def rank_posts(ids: Sequence[int]) -> Ranking:
    return Ranking(items=serialize_cards(await resources.post_card.get_many(ids), ids))


async def filter_posts(lists: dict[str, int], q: str | None, wanted: Range) -> Page:
    """Cut a page from a list, or from the newest posts that match words (500) or several lists at once (10,000)."""
    words = normalise_query(q) if q is not None else ""
    if q is not None and not words:
        return Page((), 0, None)
    if not words and len(lists) < 2:
        ((by, pk),) = lists.items() or [("all", 0)]
        return await page_of(by, pk, wanted)
    return cut(await resources.matches.get(words, *(lists.get(kind, 0) for kind in TERMS)), wanted)


async def ids_of_terms(**slugs: str | None) -> dict[str, int]:
    """The id of each term that was given, by its kind."""
    given = {kind: slug for kind, slug in slugs.items() if slug is not None}
    return dict(zip(given, await asyncio.gather(*(id_of_term(*each) for each in given.items())), strict=True))


async def id_of_term(kind: str, slug: str) -> Any:
    try:
        return (await resources.BY_NAME[kind].get(slug)).id
    except NotThere as error:
        raise NotThere(f"{kind} {slug!r}") from error


@api.endpoint("/authors/", CountedList, tag=TERMS_HEADING)
async def authors(
    request: HttpRequest, limit: Limit = DEFAULT_LIMIT, after: Omittable[AfterSlug] = None
) -> CountedList:
    """All authors."""
    return await list_entries(request, "author", "authors", limit, after)


@api.endpoint("/categories/", CountedList, tag=TERMS_HEADING)
async def categories(
    request: HttpRequest, limit: Limit = DEFAULT_LIMIT, after: Omittable[AfterSlug] = None
) -> CountedList:
    """All categories."""
    return await list_entries(request, "category", "categories", limit, after)


@api.endpoint("/tags/", CountedList, tag=TERMS_HEADING)
async def tags(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, after: Omittable[AfterSlug] = None) -> CountedList:
    """All tags."""
    return await list_entries(request, "tag", "tags", limit, after)


@api.endpoint("/authors/{word:slug}/", Author, tag=TERMS_HEADING)
async def author(request: HttpRequest, slug: Slug) -> Author:
    """An author."""
    return serialize_author(await resources.author.get(slug))


@api.endpoint("/categories/{word:slug}/", Term, tag=TERMS_HEADING)
async def category(request: HttpRequest, slug: Slug) -> Term:
    """A category."""
    return serialize_term(await resources.category.get(slug))


@api.endpoint("/tags/{word:slug}/", Term, tag=TERMS_HEADING)
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


@api.endpoint("/search/", Found, tag="Search")
async def search(request: HttpRequest, q: Text, limit: Limit = DEFAULT_LIMIT, page: PageNumber = 1) -> Found:
    """Posts and pages with all of these words, best first.

    The last word may be a beginning of a word. For all matches in the order of time, give `q` to the list of posts.
    """
    words = normalise_query(q)
    if not words:
        return Found(items=(), total=0, next=None)
    found = await resources.search.get(words, page, limit)
    last = str(page + 1) if page < found.pages else None
    items = tuple(map(serialize_hit, found.hits))
    return Found(items=items, total=found.total, next=next_link(request, last, name="page"))
