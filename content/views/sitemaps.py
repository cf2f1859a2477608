"""What search engines are told of: in one file, or past 50,000 addresses in parts that an index names."""

import asyncio
from functools import partial
from itertools import chain

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from content import resources
from content.addresses import absolute
from content.documents import ALL_YEARS, SitemapEntry, SitemapSummary
from content.documents.sitemap import LISTS
from content.feeds import sitemap as sitemaps
from content.sharing import same_for_all
from content.views.errors import not_found_page
from content.views.keeping import kept

Entries = list[SitemapEntry]


@same_for_all()
@require_safe
async def whole(request: HttpRequest) -> HttpResponse:
    """`/sitemap.xml`."""
    summary, entries = await resources.sitemap_summary.get(), await lists()
    if len(entries) + summary.paths > sitemaps.MOST_ADDRESSES:
        return await answered(request, sitemaps.sitemap_index, index(summary))
    parts = await resources.sitemap_part.get_many(part.number for part in summary.parts)
    for part in parts.values():
        entries += part.entries
    return await answered(request, sitemaps.sitemap, entries)


def index(summary: SitemapSummary) -> Entries:
    parts = [SitemapEntry(f"/sitemap-{part.number}.xml", part.changed_at) for part in summary.parts]
    return [SitemapEntry(f"/sitemap-{LISTS}.xml"), *parts]


@same_for_all()
@require_safe
async def numbered(request: HttpRequest, number: str) -> HttpResponse:
    """`/sitemap-<n>.xml`. A part without a public post is not there."""
    wanted = int(number)
    if wanted == LISTS:
        return await answered(request, sitemaps.sitemap, await lists())
    summary = await resources.sitemap_summary.get()
    if all(wanted != part.number for part in summary.parts):
        return await not_found_page(request)
    return await answered(request, sitemaps.sitemap, [*(await resources.sitemap_part.get(wanted)).entries])


async def lists() -> Entries:
    """Front page, rankings, archives, and lists of categories, tags and authors: each as new as its newest post."""
    archive, summary = await resources.archive.get(ALL_YEARS), await resources.sitemap_summary.get()
    terms = await resources.sitemap_terms.get_many(summary.terms)
    newest = archive.months[0].newest if archive.months else None
    years = {month.year: month.newest for month in reversed(archive.months)}
    return [
        SitemapEntry("/", newest),
        SitemapEntry("/popular/"),
        SitemapEntry("/trending/"),
        SitemapEntry("/archive/", newest),
        *(SitemapEntry(f"/archive/{year:04}/", newest) for year, newest in sorted(years.items(), reverse=True)),
        *(SitemapEntry(month.url, month.newest) for month in archive.months),
        *chain.from_iterable(part.entries for part in terms.values()),
    ]


async def answered(request: HttpRequest, write: sitemaps.Writer, entries: Entries) -> HttpResponse:
    """Written in a thread: 50,000 addresses take their time, and other readers none of it."""
    written = await asyncio.to_thread(write, entries, partial(absolute, request))
    return kept(HttpResponse(written, content_type=sitemaps.CONTENT_TYPE))
