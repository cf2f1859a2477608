"""Lists of posts: home, of a category, tag or author, the most-read posts, the archive, and results of a search."""

import re
from collections.abc import Awaitable, Iterator
from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.views.decorators.http import require_safe

from content import resources
from content.cache_headers import same_for_all
from content.caching import NotThere
from content.documents import ALL_YEARS, YEARS, ArchiveDocument, ListingDocument, MonthCount
from content.rendering import LONGEST_QUERY, normalise_query
from content.views.errors import not_found_page, redirect_or_404
from content.views.page_chrome import render_page

PAGE_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
MONTHS = range(1, 13)
# Results are one reader's, and there are too many possible words to store a page of each.
PRIVATE = "private, no-cache"


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


@same_for_all()
@require_safe
async def archive_index(request: HttpRequest) -> HttpResponse:
    archive = await resources.archive.get(ALL_YEARS)
    site = await resources.site.get()
    return await render_page(request, "content/archive.html", site=site, years=list(group_by_year(archive)))


def group_by_year(archive: ArchiveDocument) -> Iterator[tuple[int, int, list[MonthCount]]]:
    """Each year with the number of its posts and its months, newest first."""
    for year, group in groupby(archive.months, key=lambda month: month.year):
        months = list(group)
        yield year, sum(month.posts for month in months), months


@same_for_all("page")
@require_safe
async def archive_year(request: HttpRequest, year: str) -> HttpResponse:
    number = int(year)
    if number not in YEARS:
        return await not_found_page(request)
    try:
        archive = await resources.archive.get(number)
    except NotThere:
        return await not_found_page(request)
    return await list_page(
        request, "content/archive_year.html", by="year", pk=number, year=number, months=archive.months
    )


@same_for_all("page")
@require_safe
async def archive_month(request: HttpRequest, year: str, month: str) -> HttpResponse:
    """`/archive/2018/05/`; `/archive/2018/5/` redirects there."""
    if int(year) not in YEARS or int(month) not in MONTHS:
        return await not_found_page(request)
    if len(month) == 1:
        query = f"?{request.META['QUERY_STRING']}" if request.META.get("QUERY_STRING") else ""
        return HttpResponsePermanentRedirect(f"/archive/{year}/0{month}/{query}")
    return await list_page(
        request,
        "content/archive_month.html",
        by="month",
        pk=int(year + month),
        first_day=date(int(year), int(month), 1),
        year_url=f"/archive/{year}/",
    )


@same_for_all("q", "page")
@require_safe
async def search(request: HttpRequest) -> HttpResponse:
    """The form alone is stored like any page. Only the reader's browser stores results."""
    query = request.GET.get("q", "")[:LONGEST_QUERY].replace("\x00", "").strip()
    number = page_number(request)
    words = normalise_query(query)
    if number is None or (number > 1 and not words):
        return await not_found_page(request)
    site = await resources.site.get()
    try:
        found = await resources.search.get(words, number, site.posts_per_page) if words else None
    except NotThere:
        return await not_found_page(request)
    path = f"{request.path}?{urlencode({'q': query})}"
    response = await render_page(request, "content/search.html", site=site, asked=query, found=found, path=path)
    response["X-Robots-Tag"] = "noindex"
    if "q" in request.GET:
        response["Cache-Control"] = PRIVATE
        del response["Evergreen-Cache-Control"]
    return response
