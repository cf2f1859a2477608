from django.http import HttpRequest

from content import resources
from content.api.paging import Cut, Place, cursor_of
from content.api.selecting import selected
from content.api.shapes import PostList
from content.api.shaping import items_of


async def listed(request: HttpRequest, found: Cut, fields: str | None) -> PostList:
    """A page of posts; a post that was withdrawn a moment ago is left out."""
    cards = await resources.post_card.get_many(found.ids)
    items = tuple(selected(item, fields) for item in items_of(cards, found.ids))
    return PostList(items=items, total=found.total, next=next_page(request, found.last))


def next_page(request: HttpRequest, last: Place | str | None, *, name: str = "after") -> str | None:
    """The same question, from behind that place; None if there is none."""
    if last is None:
        return None
    query = request.GET.copy()
    query[name] = last if isinstance(last, str) else cursor_of(last)
    return f"{request.path}?{query.urlencode()}"
