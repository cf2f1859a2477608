"""Feeds of the whole site, and of a category, a tag or an author."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from content import resources
from content.absolute_urls import absolute_url
from content.cache_headers import set_cache_headers
from content.caching import NotThere
from content.documents import PostDocument, SiteDocument
from content.feeds import AtomFeed, RssFeed, write_feed
from content.resources.lists import POSTS_A_FEED
from content.shared_pages import same_for_all
from content.views.errors import not_found_page

# By the last part of the path.
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
