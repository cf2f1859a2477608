from content import dependencies
from content.caching import Resource
from content.resources import policies
from content.selectors import search as searching


def matches_tags(text: str, category: int, tag: int, author: int) -> tuple[str, ...]:
    lists = {"category": category, "tag": tag, "author": author}
    searched = (dependencies.SEARCH,) if text else ()
    return (*searched, *(dependencies.posts_of(kind, pk) for kind, pk in lists.items() if pk))


# The posts that have all words of a text and are in each of these lists; "" and 0 ask for nothing.
matches = Resource(
    "matches",
    load=searching.newest_matching,
    policy=policies.SEARCH,
    tags=matches_tags,
    adapt=lambda document, policy: policy.until(document.next_publication),
    schema=2,
)

# text: what the reader typed, best `normalised`, so that all who ask the same share an entry; page from 1; size: hits
# a page.
search = Resource(
    "search", load=searching.search, policy=policies.SEARCH, tags=lambda text, page, size: (dependencies.SEARCH,)
)
