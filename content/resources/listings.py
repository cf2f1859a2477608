from content import dependencies
from content.caching import MODERATE, STATIC, Policy, Resource
from content.documents import ListingDocument, SidebarDocument
from content.selectors import listings
from content.selectors import popular as popularity
from content.selectors import sidebar as sidebars


def until_next_publication(document: ListingDocument | SidebarDocument, policy: Policy) -> Policy:
    """A scheduled post joins its lists at its time, with nobody there to say so."""
    return policy.until(document.next_publication)


def listing_tags(by: str, pk: int, page: int, size: int) -> tuple[str, ...]:
    return (dependencies.POSTS if by == "all" else dependencies.posts_of(by, pk),)


# Lists change by writes, which invalidate them, and at the time of a scheduled post, which ends them.
# by: all, category, tag or author; pk: 0 for all; page from 1; size: posts a page.
listing = Resource("listing", load=listings.listing, policy=STATIC, tags=listing_tags, adapt=until_next_publication)

sidebar = Resource(
    "sidebar",
    load=sidebars.sidebar,
    policy=STATIC,
    tags=lambda: (dependencies.POSTS, dependencies.TERMS),
    adapt=until_next_publication,
)

# Views change all the time and invalidate nothing: these two live by time.
popular = Resource("popular", load=popularity.popular_ids, policy=MODERATE, tags=lambda: (dependencies.POSTS,))
trending = Resource("trending", load=popularity.trending_ids, policy=MODERATE, tags=lambda: (dependencies.POSTS,))
