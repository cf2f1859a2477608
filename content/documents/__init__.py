"""What is served and cached: frozen structs that hold only what is shown. Never model instances."""

from content.documents.archive import ArchiveDocument, MonthCount
from content.documents.directory import DirectoryDocument, DirectoryEntry, DirectoryIndex
from content.documents.language import direction
from content.documents.listing import ListingDocument
from content.documents.nearby import NeighboursDocument, RelatedDocument
from content.documents.post import (
    ContentsEntry,
    CoverDocument,
    PersonDocument,
    PostCard,
    PostDocument,
    TermDocument,
)
from content.documents.search import SearchDocument, SearchHit
from content.documents.sequence import Period, PeriodsDocument, SequenceDocument, microseconds
from content.documents.sidebar import SidebarDocument, TermCount
from content.documents.site import MenuEntry, SiteDocument
from content.documents.sitemap import PartSummary, SitemapEntry, SitemapPart, SitemapSummary
from content.documents.thread import CommentDocument, ThreadDocument

__all__ = [
    "ArchiveDocument",
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
    "PersonDocument",
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
