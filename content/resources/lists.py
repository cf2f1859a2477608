from datetime import timedelta

from django.utils import timezone

from content import cache_tags
from content.caching import Resource
from content.caching.key import weak_tag
from content.documents import Period
from content.resources import policies
from content.resources.policies import until_next_publication
from content.selectors import archive as archives
from content.selectors import lists
from content.selectors import matches as filters
from content.selectors import search as searches

MOMENT = timedelta(microseconds=1)
# A feed is the first page of a list, of this size.
POSTS_A_FEED = 20


def list_tag(by: str, pk: int) -> str:
    """by: all, pages, category, tag or author."""
    fixed = {"all": cache_tags.POSTS, "pages": cache_tags.PAGES}
    return fixed.get(by) or cache_tags.posts_of(by, pk)


def listing_tags(by: str, pk: int, page: int, size: int) -> tuple[str, ...]:
    match by:
        case "year":
            return (cache_tags.archive_year(pk),)
        case "month":
            return (cache_tags.archive_month(*divmod(pk, 100)),)
    return (list_tag(by, pk),)


def window_tags(by: str, pk: int, number: int, part: int) -> tuple[str, ...]:
    """A window of all posts depends on the months, by the site's time zone, that overlap with its period."""
    if by != "all":
        return (list_tag(by, pk),)
    since, until = Period(number, part, 0).span
    first, last = (timezone.localtime(each, timezone.get_default_timezone()) for each in (since, until - MOMENT))
    if since.month == 1 and until.month == 1:
        return tuple(cache_tags.archive_year(year) for year in range(first.year, last.year + 1))
    return tuple({cache_tags.archive_month(each.year, each.month) for each in (first, last)})


def matches_tags(text: str, category: int, tag: int, author: int) -> tuple[str, ...]:
    terms = {"category": category, "tag": tag, "author": author}
    searched = (cache_tags.SEARCH,) if text else ()
    return (*searched, *(cache_tags.posts_of(kind, pk) for kind, pk in terms.items() if pk))


# by: all (pk: 0), category, tag, author, year (pk: 2018) or month (pk: 201805); page from 1; size: posts a page.
listing = Resource(
    "listing",
    load=lists.load_listing,
    load_many=lists.load_listings,
    policy=policies.LISTING,
    tags=listing_tags,
    adapt=until_next_publication,
)

# year: or ALL_YEARS.
archive = Resource(
    "archive",
    load=archives.load_archive,
    load_many=archives.load_archives,
    policy=policies.ARCHIVE,
    tags=lambda year: (cache_tags.archive_year(year) if year else cache_tags.ARCHIVE,),
    adapt=until_next_publication,
)

# The windows of a list. by: as in listing, or pages; no years and months.
periods = Resource(
    "periods",
    load=lists.load_periods,
    load_many=lists.load_many_periods,
    policy=policies.SEQUENCE,
    tags=lambda by, pk: (list_tag(by, pk),),
    adapt=until_next_publication,
)

# A thousand posts at most, for readers who page by place. number, part: of a period.
window = Resource(
    "window",
    load=lists.load_window,
    load_many=lists.load_windows,
    policy=policies.SEQUENCE,
    tags=window_tags,
    adapt=until_next_publication,
)

# Rankings hold ids, and are shown in passing: a post that comes or goes makes them stale.
popular = Resource(
    "popular",
    load=lists.load_popular,
    policy=policies.POPULAR,
    tags=lambda: (weak_tag(cache_tags.POSTS),),
    cutoff=True,
)
trending = Resource(
    "trending",
    load=lists.load_trending,
    policy=policies.TRENDING,
    tags=lambda: (weak_tag(cache_tags.POSTS),),
    cutoff=True,
)

# text: normalised by `normalise_query`, so that equal queries share an entry; page from 1; size: hits a page.
search = Resource(
    "search",
    load=searches.load_search,
    load_many=searches.load_searches,
    policy=policies.SEARCH,
    tags=lambda text, page, size: (cache_tags.SEARCH,),
)

# The posts with all words of a text and in each of these lists; "" and 0 do not filter.
matches = Resource(
    "matches",
    load=filters.load_matches,
    load_many=filters.load_many_matches,
    policy=policies.SEARCH,
    tags=matches_tags,
    adapt=until_next_publication,
    schema=2,
)
