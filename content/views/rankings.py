"""The most read posts, of all time and of the last day: the sidebar's lists in full."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from content import resources
from content.documents import ListingDocument
from content.sharing import same_for_all
from content.views.errors import not_found_page
from content.views.listings import page_number
from content.views.page import page


@same_for_all("page")
@require_safe
async def popular(request: HttpRequest) -> HttpResponse:
    return await ranking(request, "content/popular.html", await resources.popular.get())


@same_for_all("page")
@require_safe
async def trending(request: HttpRequest) -> HttpResponse:
    return await ranking(request, "content/trending.html", await resources.trending.get())


async def ranking(request: HttpRequest, template: str, ids: tuple[int, ...]) -> HttpResponse:
    site, number = await resources.site.get(), page_number(request)
    listing = part_of(ids, number, site.posts_per_page) if number else None
    if listing is None:
        return await not_found_page(request)
    return await page(request, template, site=site, ids=listing.ids, listing=listing, path=request.path)


def part_of(ids: tuple[int, ...], page: int, size: int) -> ListingDocument | None:
    """None past the last page; a ranking of nothing has one, which says so."""
    pages = max(1, -(-len(ids) // size))
    if page > pages:
        return None
    return ListingDocument(ids=ids[(page - 1) * size : page * size], page=page, pages=pages, total=len(ids))
