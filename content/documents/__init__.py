"""Documents: frozen structs that are served and cached. They hold only what is shown, and no model instances.

The resources and selectors of `documents.posts` are in `resources.posts` and `selectors.posts`, and so on.
"""

from content.documents.lists import (
    ALL_YEARS,
    YEARS,
    ArchiveDocument,
    ListingDocument,
    MonthCount,
    Period,
    PeriodsDocument,
    SearchDocument,
    SearchHit,
    SequenceDocument,
    microseconds,
)
from content.documents.posts import (
    CommentDocument,
    ContentsEntry,
    CoverDocument,
    NeighboursDocument,
    PostCard,
    PostDocument,
    RelatedDocument,
    ThreadDocument,
)
from content.documents.site import (
    MenuEntry,
    PartSummary,
    SiteDocument,
    SitemapEntry,
    SitemapPart,
    SitemapSummary,
    direction,
)
from content.documents.terms import (
    AuthorDocument,
    DirectoryDocument,
    DirectoryEntry,
    DirectoryIndex,
    SidebarDocument,
    TermCount,
    TermDocument,
)

__all__ = [
    "ALL_YEARS",
    "YEARS",
    "ArchiveDocument",
    "AuthorDocument",
    "CommentDocument",
    "ContentsEntry",
    "CoverDocument",
    "DirectoryDocument",
    "DirectoryEntry",
    "DirectoryIndex",
    "ListingDocument",
    "MenuEntry",
    "MonthCount",
    "NeighboursDocument",
    "PartSummary",
    "Period",
    "PeriodsDocument",
    "PostCard",
    "PostDocument",
    "RelatedDocument",
    "SearchDocument",
    "SearchHit",
    "SequenceDocument",
    "SidebarDocument",
    "SiteDocument",
    "SitemapEntry",
    "SitemapPart",
    "SitemapSummary",
    "TermCount",
    "TermDocument",
    "ThreadDocument",
    "direction",
    "microseconds",
]
