"""The archive: its index, years and months, by the calendar of the site's time zone."""

from collections.abc import Iterator
from datetime import date
from itertools import groupby

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.views.decorators.http import require_safe

from content import resources
from content.caching import NotThere
from content.documents import ALL_YEARS, YEARS, ArchiveDocument, MonthCount
from content.shared_pages import same_for_all
from content.views.errors import not_found_page
from content.views.listings import list_page
from content.views.page_chrome import render_page

MONTHS = range(1, 13)


@same_for_all()
@require_safe
async def index(request: HttpRequest) -> HttpResponse:
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
async def year(request: HttpRequest, year: str) -> HttpResponse:
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
async def month(request: HttpRequest, year: str, month: str) -> HttpResponse:
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
