"""Feeds: of the whole site, and of a category, a tag or an author."""

from collections.abc import Callable
from functools import partial

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from content import resources
from content.addresses import absolute
from content.caching import NotThere
from content.documents import PostDocument, SiteDocument
from content.feeds import atom, rss
from content.feeds.feed import Feed
from content.resources.lists import POSTS_A_FEED
from content.sharing import same_for_all
from content.views.errors import not_found_page
from content.views.keeping import kept

FORMS: dict[str, tuple[Callable[[Feed], str], str]] = {
    "feed.xml": (rss.rss, rss.CONTENT_TYPE),
    "atom.xml": (atom.atom, atom.CONTENT_TYPE),
}


@same_for_all()
@require_safe
async def of_site(request: HttpRequest, form: str) -> HttpResponse:
    site = await resources.site.get()
    return await feed(request, form, site, "all", 0, title=site.title, description=site.tagline)


@same_for_all()
@require_safe
async def of_term(request: HttpRequest, form: str, kind: str, slug: str) -> HttpResponse:
    """kind: category, tag or author."""
    try:
        term = await resources.BY_NAME[kind].get(slug)
    except NotThere:
        return await not_found_page(request)
    site = await resources.site.get()
    words = getattr(term, "description", "") or getattr(term, "bio", "")
    return await feed(
        request, form, site, kind, term.id, title=f"{term.name} · {site.title}", description=words or site.tagline
    )


async def feed(
    request: HttpRequest, form: str, site: SiteDocument, by: str, pk: int, *, title: str, description: str
) -> HttpResponse:
    write, content_type = FORMS[form]
    written = write(
        Feed(
            title=title,
            # RSS asks for one, and a site need not have a tagline.
            description=description or title,
            url=request.path.removesuffix(form),
            address=request.path,
            language=site.language,
            posts=await newest(by, pk),
            absolute=partial(absolute, request),
        )
    )
    return kept(HttpResponse(written, content_type=content_type))


async def newest(by: str, pk: int) -> tuple[PostDocument, ...]:
    listing = await resources.listing.get(by, pk, 1, POSTS_A_FEED)
    cards = await resources.post_card.get_many(listing.ids)
    posts = await resources.post.get_many(("post", card.slug) for card in cards.values())
    return tuple(posts.values())
