"""What is served and cached: frozen structs that hold only what is shown. Never model instances."""

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
from content.documents.sidebar import SidebarDocument, TermCount
from content.documents.site import MenuEntry, SiteDocument

__all__ = [
    "ContentsEntry",
    "CoverDocument",
    "ListingDocument",
    "MenuEntry",
    "NeighboursDocument",
    "PersonDocument",
    "PostCard",
    "PostDocument",
    "RelatedDocument",
    "SidebarDocument",
    "SiteDocument",
    "TermCount",
    "TermDocument",
    "direction",
]
