"""What every page shares: the site's words, the sidebar, and the cards that its lists name."""

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import http_date

from content import resources
from content.documents import PostCard, SiteDocument

# Browsers keep a page but ask before they show it again: no edit is hidden by a browser's copy.
PAGE_CACHE_CONTROL = "public, no-cache"
# The edge keeps it by its tags; these are the bounds. A page that is not there may come any moment.
AT_THE_EDGE = "max-age=300, stale-while-revalidate=600, stale-if-error=86400"
NOT_THERE_AT_THE_EDGE = "max-age=10"


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
    response["Cache-Control"] = PAGE_CACHE_CONTROL if status == 200 else "no-cache"
    response["Evergreen-Cache-Control"] = AT_THE_EDGE if status == 200 else NOT_THERE_AT_THE_EDGE
    if status == 200:
        response["Last-Modified"] = http_date(time.time())
        response["ETag"] = f'"{hashlib.blake2b(response.content, digest_size=12).hexdigest()}"'
    return response


def named(cards: dict[int, PostCard], ids: Sequence[int]) -> tuple[PostCard, ...]:
    """The cards in that order; a post that is gone by now is left out."""
    return tuple(cards[pk] for pk in ids if pk in cards)
