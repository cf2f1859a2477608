"""What every page shares: the site's words, the sidebar, and the cards that its lists name."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from content import resources
from content.documents import PostCard, SiteDocument
from content.views.keeping import kept, kept_briefly

# Of the popular and the trending, beside every page.
IN_THE_SIDEBAR = 5


async def page(
    request: HttpRequest,
    template: str,
    *,
    site: SiteDocument,
    ids: Sequence[int] = (),
    beside: Mapping[str, Sequence[int]] = MappingProxyType({}),
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """The template in the site's dress; `ids` become `cards`, fetched together with the sidebar's.

    `beside` names other posts that the page shows, which become cards by that name.
    """
    sidebar, popular, trending = await asyncio.gather(
        resources.sidebar.get(), resources.popular.get(), resources.trending.get()
    )
    popular, trending = popular[:IN_THE_SIDEBAR], trending[:IN_THE_SIDEBAR]
    cards = await resources.post_card.get_many(dict.fromkeys(chain(ids, popular, trending, *beside.values())))
    dress = {
        "site": site,
        "sidebar": sidebar,
        "popular": named(cards, popular),
        "trending": named(cards, trending),
        "cards": named(cards, ids),
        "canonical": request.path,
        **{name: named(cards, wanted) for name, wanted in beside.items()},
    }
    response = render(request, template, dress | context, status=status)
    return kept(response) if status == 200 else kept_briefly(response)


def named(cards: dict[int, PostCard], ids: Sequence[int]) -> tuple[PostCard, ...]:
    """The cards in that order; a post that is gone by now is left out."""
    return tuple(cards[pk] for pk in ids if pk in cards)
