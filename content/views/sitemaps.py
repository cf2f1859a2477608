"""The sitemap: one file, or an index of parts past 50,000 URLs."""

import asyncio
from functools import partial
from itertools import chain

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from content import resources
from content.absolute_urls import absolute_url
from content.cache_headers import set_cache_headers
from content.documents import ALL_YEARS, SitemapEntry, SitemapSummary
from content.documents.sitemap import LISTS
from content.feeds import sitemap as sitemaps
from content.shared_pages import same_for_all
from content.views.errors import not_found_page

Entries = list[SitemapEntry]


@same_for_all()
@require_safe
async def sitemap(request: HttpRequest) -> HttpResponse:
    """`/sitemap.xml`."""
    summary, entries = await resources.sitemap_summary.get(), await list_entries()
    if len(entries) + summary.paths > sitemaps.MOST_URLS:
        return await respond(request, sitemaps.write_index, index_entries(summary))
    parts = await resources.sitemap_part.get_many(part.number for part in summary.parts)
    for part in parts.values():
        entries += part.entries
    return await respond(request, sitemaps.write_sitemap, entries)


def index_entries(summary: SitemapSummary) -> Entries:
    parts = [SitemapEntry(f"/sitemap-{part.number}.xml", part.changed_at) for part in summary.parts]
    return [SitemapEntry(f"/sitemap-{LISTS}.xml"), *parts]


@same_for_all()
@require_safe
async def part(request: HttpRequest, number: str) -> HttpResponse:
    """`/sitemap-<n>.xml`. A part without a public post is not there."""
    wanted = int(number)
    if wanted == LISTS:
        return await respond(request, sitemaps.write_sitemap, await list_entries())
    summary = await resources.sitemap_summary.get()
    if all(wanted != part.number for part in summary.parts):
        return await not_found_page(request)
    return await respond(request, sitemaps.write_sitemap, [*(await resources.sitemap_part.get(wanted)).entries])


async def list_entries() -> Entries:
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


async def respond(request: HttpRequest, write: sitemaps.Writer, entries: Entries) -> HttpResponse:
    """Write the file in a thread, so that 50,000 URLs do not block the event loop."""
    text = await asyncio.to_thread(write, entries, partial(absolute_url, request))
    return set_cache_headers(HttpResponse(text, content_type=sitemaps.CONTENT_TYPE))
