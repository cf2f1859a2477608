"""Lists of posts: home, and those of a category, a tag or an author."""

import re
from collections.abc import Awaitable
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from content import resources
from content.caching import NotThere
from content.sharing import same_for_all
from content.views.errors import not_found_page
from content.views.fallback import moved_or_not_found
from content.views.page import page

Term = TypeVar("Term")

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


async def term_page(
    request: HttpRequest, template: str, by: str, getting: Awaitable[Any], *, name: str = "term"
) -> HttpResponse:
    try:
        term = await getting
    except NotThere:
        return await moved_or_not_found(request)
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
    return await page(request, template, site=site, ids=listing.ids, listing=listing, path=request.path, **context)


def page_number(request: HttpRequest) -> int | None:
    """The page asked for; None for what is no page number."""
    asked = request.GET.get("page", "1")
    return int(asked) if PAGE_NUMBER.fullmatch(asked) else None
