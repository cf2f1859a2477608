from content import dependencies
from content.caching import Policy, Resource
from content.documents import ListingDocument, SidebarDocument
from content.resources import policies
from content.selectors import listings
from content.selectors import popular as popularity
from content.selectors import sidebar as sidebars


def until_next_publication(document: ListingDocument | SidebarDocument, policy: Policy) -> Policy:
    """A scheduled post joins its lists at its time, with nobody there to say so."""
    return policy.until(document.next_publication)


def listing_tags(by: str, pk: int, page: int, size: int) -> tuple[str, ...]:
    return (dependencies.POSTS if by == "all" else dependencies.posts_of(by, pk),)


# by: all, category, tag or author; pk: 0 for all; page from 1; size: posts a page.
listing = Resource(
    "listing", load=listings.listing, policy=policies.LISTING, tags=listing_tags, adapt=until_next_publication
)

sidebar = Resource(
    "sidebar",
    load=sidebars.sidebar,
    policy=policies.SIDEBAR,
    tags=lambda: (dependencies.POSTS, dependencies.TERMS),
    adapt=until_next_publication,
)

popular = Resource(
    "popular", load=popularity.popular_ids, policy=policies.POPULAR, tags=lambda: (dependencies.POSTS,)
)
trending = Resource(
    "trending", load=popularity.trending_ids, policy=policies.TRENDING, tags=lambda: (dependencies.POSTS,)
)
