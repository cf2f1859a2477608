"""Files for programs: feeds, `/robots.txt`, `/favicon.ico` and the sitemap."""

import asyncio
from functools import partial
from itertools import chain

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from content import feeds, resources
from content.absolute_urls import absolute_url
from content.cache_headers import same_for_all, set_cache_headers
from content.caching import NotThere
from content.documents import ALL_YEARS, PostDocument, SiteDocument, SitemapEntry, SitemapSummary
from content.documents.site import LISTS
from content.feeds import AtomFeed, RssFeed, write_feed
from content.resources.lists import POSTS_A_FEED
from content.views.errors import not_found_page

# Writers by the last part of the path.
WRITERS: dict[str, type[RssFeed | AtomFeed]] = {"feed.xml": RssFeed, "atom.xml": AtomFeed}


@same_for_all()
@require_safe
async def site_feed(request: HttpRequest, name: str) -> HttpResponse:
    site = await resources.site.get()
    return await render_feed(request, name, site, "all", 0, title=site.title, description=site.tagline)


@same_for_all()
@require_safe
async def term_feed(request: HttpRequest, name: str, kind: str, slug: str) -> HttpResponse:
    """kind: category, tag or author."""
    try:
        term = await resources.BY_NAME[kind].get(slug)
    except NotThere:
        return await not_found_page(request)
    site = await resources.site.get()
    title = f"{term.name} · {site.title}"
    description = getattr(term, "description", "") or getattr(term, "bio", "") or site.tagline
    return await render_feed(request, name, site, kind, term.id, title=title, description=description)


async def render_feed(
    request: HttpRequest, name: str, site: SiteDocument, by: str, pk: int, *, title: str, description: str
) -> HttpResponse:
    writer = WRITERS[name]
    text = write_feed(
        writer,
        title=title,
        # RSS requires a description, and a site may have no tagline.
        description=description or title,
        page=request.path.removesuffix(name),
        path=request.path,
        language=site.language,
        posts=await newest_posts(by, pk),
        absolute=partial(absolute_url, request),
    )
    return set_cache_headers(HttpResponse(text, content_type=writer.content_type))


async def newest_posts(by: str, pk: int) -> tuple[PostDocument, ...]:
    listing = await resources.listing.get(by, pk, 1, POSTS_A_FEED)
    cards = await resources.post_card.get_many(listing.ids)
    posts = await resources.post.get_many(("post", card.slug) for card in cards.values())
    return tuple(posts.values())


# Search engines have no use for the staff's pages, nor for those of machines. Pages with `noindex`, such as the
# search, stay open: a crawler reads that only in the page.
DISALLOWED = ("/admin/", "/ops/", "/metrics", "/healthz", "/readyz", "/statusz")
# The icon's name has a hash in it, which a release may change.
FAVICON_CACHE_CONTROL = "public, max-age=3600"
# The edge may serve it stale: after a soft purge nobody waits.
FAVICON_EDGE_POLICY = "max-age=3600, stale-while-revalidate=86400, stale-if-error=86400"
Entries = list[SitemapEntry]


@same_for_all()
@require_safe
async def robots(request: HttpRequest) -> HttpResponse:
    """RFC 9309, and the Sitemap line of sitemaps.org."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in DISALLOWED), ""]
    lines.append(f"Sitemap: {absolute_url(request, '/sitemap.xml')}")
    return set_cache_headers(HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8"))


@same_for_all()
@require_safe
async def favicon(request: HttpRequest) -> HttpResponse:
    """Redirect clients that request the icon without having read a page."""
    headers = {"Cache-Control": FAVICON_CACHE_CONTROL, "Evergreen-Cache-Control": FAVICON_EDGE_POLICY}
    return HttpResponseRedirect(static("content/favicon.svg"), headers=headers)


@same_for_all()
@require_safe
async def sitemap(request: HttpRequest) -> HttpResponse:
    """`/sitemap.xml`: one file, or an index of parts past 50,000 URLs."""
    summary, entries = await resources.sitemap_summary.get(), await list_entries()
    if len(entries) + summary.paths > feeds.MOST_URLS:
        return await respond_with_urls(request, feeds.write_sitemap_index, index_entries(summary))
    parts = await resources.sitemap_part.get_many(part.number for part in summary.parts)
    for part in parts.values():
        entries += part.entries
    return await respond_with_urls(request, feeds.write_sitemap, entries)


def index_entries(summary: SitemapSummary) -> Entries:
    parts = [SitemapEntry(f"/sitemap-{part.number}.xml", part.changed_at) for part in summary.parts]
    return [SitemapEntry(f"/sitemap-{LISTS}.xml"), *parts]


@same_for_all()
@require_safe
async def sitemap_part(request: HttpRequest, number: str) -> HttpResponse:
    """`/sitemap-<n>.xml`. A part without a public post is not there."""
    wanted = int(number)
    if wanted == LISTS:
        return await respond_with_urls(request, feeds.write_sitemap, await list_entries())
    summary = await resources.sitemap_summary.get()
    if all(wanted != part.number for part in summary.parts):
        return await not_found_page(request)
    return await respond_with_urls(
        request, feeds.write_sitemap, [*(await resources.sitemap_part.get(wanted)).entries]
    )


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


async def respond_with_urls(request: HttpRequest, write: feeds.SitemapWriter, entries: Entries) -> HttpResponse:
    """Write the file in a thread, so that 50,000 URLs do not block the event loop."""
    text = await asyncio.to_thread(write, entries, partial(absolute_url, request))
    return set_cache_headers(HttpResponse(text, content_type=feeds.SITEMAP_TYPE))
