from msgspec import Struct


class MenuEntry(Struct, frozen=True):
    label: str
    url: str


class SiteDocument(Struct, frozen=True):
    """The site's title, tagline, menu and measures."""

    title: str
    tagline: str = ""
    menu: tuple[MenuEntry, ...] = ()
    posts_per_page: int = 10
    language: str = "en"
    comments_open: bool = True
