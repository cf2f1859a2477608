from datetime import timedelta

from django.utils import timezone

from content import dependencies
from content.caching import Policy, Resource
from content.documents import (
    ArchiveDocument,
    DirectoryDocument,
    ListingDocument,
    Period,
    PeriodsDocument,
    SequenceDocument,
    SidebarDocument,
    SitemapPart,
    SitemapSummary,
)
from content.resources import policies
from content.selectors import archive as archives
from content.selectors import directories, listings
from content.selectors import popular as popularity
from content.selectors import sidebar as sidebars
from content.selectors import windows as windowed

MOMENT = timedelta(microseconds=1)
Lists = ArchiveDocument | ListingDocument | PeriodsDocument | SequenceDocument | DirectoryDocument
Timed = Lists | SidebarDocument | SitemapPart | SitemapSummary


def until_next_publication(document: Timed, policy: Policy) -> Policy:
    """A scheduled post joins its lists at its time, with nobody there to say so."""
    return policy.until(document.next_publication)


def listing_tags(by: str, pk: int, page: int, size: int) -> tuple[str, ...]:
    match by:
        case "year":
            return (dependencies.archive_year(pk),)
        case "month":
            return (dependencies.archive_month(*divmod(pk, 100)),)
    return (list_tag(by, pk),)


def list_tag(by: str, pk: int) -> str:
    """by: all, pages, category, tag or author."""
    lists = {"all": dependencies.POSTS, "pages": dependencies.PAGES}
    return lists.get(by) or dependencies.posts_of(by, pk)


# A feed is the first page of a list, of this size.
POSTS_A_FEED = 20

# by: all (pk: 0), category, tag, author, year (pk: 2018) or month (pk: 201805); page from 1; size: posts a page.
listing = Resource(
    "listing",
    load=listings.listing,
    load_many=listings.listings,
    policy=policies.LISTING,
    tags=listing_tags,
    adapt=until_next_publication,
)

# year: or ALL_YEARS.
archive = Resource(
    "archive",
    load=archives.archive,
    load_many=archives.archives,
    policy=policies.ARCHIVE,
    tags=lambda year: (dependencies.archive_year(year) if year else dependencies.ARCHIVE,),
    adapt=until_next_publication,
)


# by: as in listing, without years and months, or pages. How the list is cut into windows.
periods = Resource(
    "periods",
    load=windowed.periods,
    load_many=windowed.periods_of,
    policy=policies.SEQUENCE,
    tags=lambda by, pk: (list_tag(by, pk),),
    adapt=until_next_publication,
)


def window_tags(by: str, pk: int, number: int, part: int) -> tuple[str, ...]:
    """A window of all posts depends on the months of the site's clock that share a moment with its period."""
    if by != "all":
        return (list_tag(by, pk),)
    since, until = Period(number, part, 0).span
    first, last = (timezone.localtime(each, timezone.get_default_timezone()) for each in (since, until - MOMENT))
    if since.month == 1 and until.month == 1:
        return tuple(dependencies.archive_year(year) for year in range(first.year, last.year + 1))
    return tuple({dependencies.archive_month(each.year, each.month) for each in (first, last)})


# number, part: of a period. A thousand posts at most, for those who page through a list by place and not by number.
window = Resource(
    "window",
    load=windowed.window,
    load_many=windowed.windows,
    policy=policies.SEQUENCE,
    tags=window_tags,
    adapt=until_next_publication,
)


def directory_tags(kind: str, start: str) -> tuple[str, ...]:
    return (dependencies.POSTS, dependencies.AUTHORS if kind == "author" else dependencies.TERMS)


# kind: author, category or tag.
directory_index = Resource(
    "directory_index",
    load=directories.directory_index,
    policy=policies.DIRECTORY,
    tags=lambda kind: (dependencies.AUTHORS if kind == "author" else dependencies.TERMS,),
)

# start: the first slug of a part, as the index has it.
directory = Resource(
    "directory",
    load=directories.directory,
    policy=policies.DIRECTORY,
    tags=directory_tags,
    adapt=until_next_publication,
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
