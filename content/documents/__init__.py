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
from content.documents.search import SearchDocument, SearchHit
from content.documents.sidebar import SidebarDocument, TermCount
from content.documents.site import MenuEntry, SiteDocument
from content.documents.thread import CommentDocument, ThreadDocument

__all__ = [
    "CommentDocument",
    "ContentsEntry",
    "CoverDocument",
    "ListingDocument",
    "MenuEntry",
    "NeighboursDocument",
    "PersonDocument",
    "PostCard",
    "PostDocument",
    "RelatedDocument",
    "SearchDocument",
    "SearchHit",
    "SidebarDocument",
    "SiteDocument",
    "TermCount",
    "TermDocument",
    "ThreadDocument",
    "direction",
]
