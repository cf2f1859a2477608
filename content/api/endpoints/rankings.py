from collections.abc import Sequence

from django.http import HttpRequest

from content import resources
from content.api.app import api
from content.api.shapes import Ranking
from content.api.shaping import items_of


@api.endpoint("/popular/", Ranking, about="Posts")
async def popular(request: HttpRequest) -> Ranking:
    """The posts with the most views of all time."""
    return await ranking(await resources.popular.get())


@api.endpoint("/trending/", Ranking, about="Posts")
async def trending(request: HttpRequest) -> Ranking:
    """The posts that are read most just now."""
    return await ranking(await resources.trending.get())


async def ranking(ids: Sequence[int]) -> Ranking:
    return Ranking(items=items_of(await resources.post_card.get_many(ids), ids))
