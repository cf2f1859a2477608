"""Lists of posts: home, those of a category, a tag or an author, and the most-read posts."""

import re
from collections.abc import Awaitable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from content import resources
from content.caching import NotThere
from content.documents import ListingDocument
from content.shared_pages import same_for_all
from content.views.errors import not_found_page
from content.views.page_chrome import render_page
from content.views.redirects import redirect_or_404

PAGE_NUMBER = re.compile(r"[1-9][0-9]{0,5}")


@same_for_all("page")
@require_safe
async def home(request: HttpRequest) -> HttpResponse:
    return await list_page(request, "content/home.html", by="all", pk=0)


@same_for_all("page")
@require_safe
async def category(request: HttpRequest, slug: str) -> HttpResponse:
    return await term_page(request, "content/category.html", "category", resources.category.get(slug))


@same_for_all("page")
@require_safe
async def tag(request: HttpRequest, slug: str) -> HttpResponse:
    return await term_page(request, "content/tag.html", "tag", resources.tag.get(slug))


@same_for_all("page")
@require_safe
async def author(request: HttpRequest, slug: str) -> HttpResponse:
    return await term_page(request, "content/author.html", "author", resources.author.get(slug), name="author")


@same_for_all("page")
@require_safe
async def popular(request: HttpRequest) -> HttpResponse:
    """The most-read posts of all time: the list of the sidebar, whole."""
    return await ranking_page(request, "content/popular.html", await resources.popular.get())


@same_for_all("page")
@require_safe
async def trending(request: HttpRequest) -> HttpResponse:
    """The most-read posts of the last day."""
    return await ranking_page(request, "content/trending.html", await resources.trending.get())


async def term_page(
    request: HttpRequest, template: str, by: str, reading: Awaitable[Any], *, name: str = "term"
) -> HttpResponse:
    try:
        term = await reading
    except NotThere:
        return await redirect_or_404(request)
    return await list_page(request, template, by=by, pk=term.id, **{name: term})


async def list_page(request: HttpRequest, template: str, *, by: str, pk: int, **context: Any) -> HttpResponse:
    number = page_number(request)
    if number is None:
        return await not_found_page(request)
    site = await resources.site.get()
    try:
        listing = await resources.listing.get(by, pk, number, site.posts_per_page)
    except NotThere:
        return await not_found_page(request)
    return await render_page(
        request, template, site=site, ids=listing.ids, listing=listing, path=request.path, **context
    )


async def ranking_page(request: HttpRequest, template: str, ids: tuple[int, ...]) -> HttpResponse:
    site, number = await resources.site.get(), page_number(request)
    listing = cut_listing(ids, number, site.posts_per_page) if number else None
    if listing is None:
        return await not_found_page(request)
    return await render_page(request, template, site=site, ids=listing.ids, listing=listing, path=request.path)


def cut_listing(ids: tuple[int, ...], page: int, size: int) -> ListingDocument | None:
    """One page of a ranking; None past the last page. An empty ranking has one page."""
    pages = max(1, -(-len(ids) // size))
    if page > pages:
        return None
    return ListingDocument(ids=ids[(page - 1) * size : page * size], page=page, pages=pages, total=len(ids))


def page_number(request: HttpRequest) -> int | None:
    """The requested page; None if the parameter is not a number."""
    text = request.GET.get("page", "1")
    return int(text) if PAGE_NUMBER.fullmatch(text) else None
