from msgspec import Struct

from content.documents.language import direction


class MenuEntry(Struct, frozen=True, gc=False):
    label: str
    url: str


class SiteDocument(Struct, frozen=True, gc=False):
    """The site's title, tagline, menu and measures."""

    title: str
    tagline: str = ""
    menu: tuple[MenuEntry, ...] = ()
    posts_per_page: int = 10
    language: str = "en"
    comments_open: bool = True

    @property
    def direction(self) -> str:
        return direction(self.language)
