from content import dependencies
from content.caching import Resource
from content.resources import policies
from content.selectors import search as searching

# The posts that have all words of a text, for whoever looks for them in a list.
matches = Resource(
    "matches", load=searching.matching_ids, policy=policies.SEARCH, tags=lambda text: (dependencies.SEARCH,)
)

# text: what the reader typed, best `normalised`, so that all who ask the same share an entry; page from 1; size: hits
# a page.
search = Resource(
    "search", load=searching.search, policy=policies.SEARCH, tags=lambda text, page, size: (dependencies.SEARCH,)
)
