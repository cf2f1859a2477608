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

    `ids` become `cards`, which are read together with the sidebar's. `beside` names other lists of posts, which
    become cards by their names.
    """
    sidebar, popular, trending = await asyncio.gather(
        resources.sidebar.get(), resources.popular.get(), resources.trending.get()
    )
    popular, trending = popular[:POSTS_IN_SIDEBAR], trending[:POSTS_IN_SIDEBAR]
    cards = await resources.post_card.get_many(dict.fromkeys(chain(ids, popular, trending, *beside.values())))
    chrome = {
        "site": site,
        "sidebar": sidebar,
        "popular": cards_of(cards, popular),
        "trending": cards_of(cards, trending),
        "cards": cards_of(cards, ids),
        "canonical": request.path,
        **{name: cards_of(cards, wanted) for name, wanted in beside.items()},
    }
    response = render(request, template, chrome | context, status=status)
    if status == 200:
        return set_cache_headers(response)
    return set_not_found_headers(response, edge=GONE_EDGE_POLICY if status == 410 else NOT_FOUND_EDGE_POLICY)


def cards_of(cards: dict[int, PostCard], ids: Sequence[int]) -> tuple[PostCard, ...]:
    """The cards in the order of the ids. A post that was withdrawn a moment ago has none."""
    return tuple(cards[pk] for pk in ids if pk in cards)
