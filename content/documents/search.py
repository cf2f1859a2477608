from datetime import datetime

from msgspec import Struct


class SearchHit(Struct, frozen=True, gc=False):
    """A post or page that was found. `heading` and `snippet` are safe HTML, with `<mark>` and no other element."""

    id: int
    kind: str
    url: str
    title: str
    heading: str
    snippet: str
    published_at: datetime
    language: str = "en"


class SearchDocument(Struct, frozen=True, gc=False):
    """One page of what was found, best first. `total` stops at 1,000; `is_more` says that there would be more."""

    hits: tuple[SearchHit, ...]
    page: int
    pages: int
    total: int
    is_more: bool = False
