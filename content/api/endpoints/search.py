from django.http import HttpRequest

from content import resources
from content.api.app import api
from content.api.listing import next_page
from content.api.parameters import DEFAULT_LIMIT, Limit, PageNumber, Text
from content.api.shapes import Found, Hit
from content.api.shaping import link_of
from content.documents import SearchHit
from content.rendering import normalise_query


@api.endpoint("/search/", Found, about="Search")
async def search(request: HttpRequest, q: Text, limit: Limit = DEFAULT_LIMIT, page: PageNumber = 1) -> Found:
    """Posts and pages with all of these words, best first.

    The last word may be the beginning of one. To go through all that match, in the order of time, give `q` to the
    list of posts.
    """
    words = normalise_query(q)
    if not words:
        return Found(items=(), total=0, next=None)
    found = await resources.search.get(words, page, limit)
    last = str(page + 1) if page < found.pages else None
    return Found(items=tuple(map(hit, found.hits)), total=found.total, next=next_page(request, last, name="page"))


def hit(found: SearchHit) -> Hit:
    return Hit(
        title=found.title,
        heading=found.heading,
        snippet=found.snippet,
        published_at=found.published_at,
        language=found.language,
        url=found.url,
        link=link_of(found),
    )
