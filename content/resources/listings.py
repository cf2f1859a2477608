from content import dependencies
from content.caching import Policy, Resource
from content.documents import (
    ArchiveDocument,
    DirectoryDocument,
    ListingDocument,
    SequenceDocument,
    SidebarDocument,
    SitemapPart,
    SitemapSummary,
)
from content.resources import policies
from content.selectors import archive as archives
from content.selectors import directories, listings, sequences
from content.selectors import popular as popularity
from content.selectors import sidebar as sidebars

Lists = ArchiveDocument | ListingDocument | SequenceDocument | DirectoryDocument
Timed = Lists | SidebarDocument | SitemapPart | SitemapSummary


def until_next_publication(document: Timed, policy: Policy) -> Policy:
    """A scheduled post joins its lists at its time, with nobody there to say so."""
    return policy.until(document.next_publication)


def listing_tags(by: str, pk: int, page: int, size: int) -> tuple[str, ...]:
    match by:
        case "all":
            return (dependencies.POSTS,)
        case "year":
            return (dependencies.archive_year(pk),)
        case "month":
            return (dependencies.archive_month(*divmod(pk, 100)),)
    return (dependencies.posts_of(by, pk),)


# A feed is the first page of a list, of this size.
POSTS_A_FEED = 20

# by: all (pk: 0), category, tag, author, year (pk: 2018) or month (pk: 201805); page from 1; size: posts a page.
listing = Resource(
    "listing", load=listings.listing, policy=policies.LISTING, tags=listing_tags, adapt=until_next_publication
)

# year: or ALL_YEARS.
archive = Resource(
    "archive",
    load=archives.archive,
    policy=policies.ARCHIVE,
    tags=lambda year: (dependencies.archive_year(year) if year else dependencies.ARCHIVE,),
    adapt=until_next_publication,
)


def sequence_tags(by: str, pk: int) -> tuple[str, ...]:
    lists = {"all": dependencies.POSTS, "pages": dependencies.PAGES}
    return (lists.get(by) or dependencies.posts_of(by, pk),)


# by: as in listing, or pages. The whole list, for whoever pages through it by place and not by number.
sequence = Resource(
    "sequence", load=sequences.sequence, policy=policies.SEQUENCE, tags=sequence_tags, adapt=until_next_publication
)


def directory_tags(kind: str) -> tuple[str, ...]:
    return (dependencies.POSTS, dependencies.AUTHORS if kind == "author" else dependencies.TERMS)


# kind: author, category or tag.
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
