from typing import Any

from content.exporters.records.record import Record


class SiteRecord(Record, frozen=True, kw_only=True):
    """The site's configuration, its menu included."""

    title: str = "Evergreen"
    tagline: str = ""
    menu: list[Any] = []
    posts_per_page: int = 10
    language: str = "en"
    comments_open: bool = True
