from django.http import HttpRequest

from content import resources
from content.api.pagination import next_link
from content.api.parameters import DEFAULT_LIMIT, Limit, PageNumber, Text
from content.api.router import api
from content.api.schemas import Found
from content.api.serializers import serialize_hit
from content.rendering import normalise_query


@api.endpoint("/search/", Found, tag="Search")
async def search(request: HttpRequest, q: Text, limit: Limit = DEFAULT_LIMIT, page: PageNumber = 1) -> Found:
    """Posts and pages with all of these words, best first.

    The last word may be a beginning of a word. For all matches in the order of time, give `q` to the list of posts.
    """
    words = normalise_query(q)
    if not words:
        return Found(items=(), total=0, next=None)
    found = await resources.search.get(words, page, limit)
    last = str(page + 1) if page < found.pages else None
    items = tuple(map(serialize_hit, found.hits))
    return Found(items=items, total=found.total, next=next_link(request, last, name="page"))
