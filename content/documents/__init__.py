"""What is served and cached: frozen structs that hold only what is shown. Never model instances."""

from content.documents.archive import ArchiveDocument, MonthCount
from content.documents.listing import ListingDocument
from content.documents.post import CoverDocument, PersonDocument, PostCard, PostDocument, TermDocument
from content.documents.sidebar import SidebarDocument, TermCount
from content.documents.site import MenuEntry, SiteDocument
from content.documents.sitemap import PartSummary, SitemapEntry, SitemapPart, SitemapSummary

__all__ = [
    "ArchiveDocument",
    "CoverDocument",
    "ListingDocument",
    "MenuEntry",
    "MonthCount",
    "PartSummary",
    "PersonDocument",
    "PostCard",
    "PostDocument",
    "SidebarDocument",
    "SiteDocument",
    "SitemapEntry",
    "SitemapPart",
    "SitemapSummary",
    "TermCount",
    "TermDocument",
]
