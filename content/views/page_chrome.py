"""The chrome of each page: the site's title and menu, the sidebar, and the cards of its lists."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from content import resources
from content.cache_headers import GONE_EDGE_POLICY, NOT_FOUND_EDGE_POLICY, set_cache_headers, set_not_found_headers
from content.caching.dependencies import shown_in_passing
from content.documents import PostCard, SiteDocument

# Popular and trending posts beside each page.
POSTS_IN_SIDEBAR = 5


async def render_page(
    request: HttpRequest,
    template: str,
    *,
    site: SiteDocument,
    ids: Sequence[int] = (),
    beside: Mapping[str, Sequence[int]] = MappingProxyType({}),
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """Render a template with the page's chrome and cache headers.

    `ids` become `cards`. `beside` names other lists of posts, which are shown in passing and become cards by their
    names.
    """
    cards, passing = await asyncio.gather(resources.post_card.get_many(ids), read_in_passing(beside))
    chrome = {"site": site, "cards": cards_of(cards, ids), "canonical": request.path, **passing}
    response = render(request, template, chrome | context, status=status)
    if status == 200:
        return set_cache_headers(response)
    return set_not_found_headers(response, edge=GONE_EDGE_POLICY if status == 410 else NOT_FOUND_EDGE_POLICY)


async def read_in_passing(beside: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The sidebar, and cards by the names of their lists. A change of them makes the page stale and ends it not."""
    with shown_in_passing():
        sidebar, popular, trending = await asyncio.gather(
            resources.sidebar.get(), resources.popular.get(), resources.trending.get()
        )
        lists = {"popular": popular[:POSTS_IN_SIDEBAR], "trending": trending[:POSTS_IN_SIDEBAR], **beside}
        cards = await resources.post_card.get_many(dict.fromkeys(chain(*lists.values())))
    return {"sidebar": sidebar, **{name: cards_of(cards, ids) for name, ids in lists.items()}}


def cards_of(cards: dict[int, PostCard], ids: Sequence[int]) -> tuple[PostCard, ...]:
    """The cards in the order of the ids. A post that was withdrawn a moment ago has none."""
    return tuple(cards[pk] for pk in ids if pk in cards)
