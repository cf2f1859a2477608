from msgspec import Struct

RIGHT_TO_LEFT = {"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}


def direction(language: str) -> str:
    """The writing direction of a language tag (BCP 47), for HTML's `dir`: rtl or ltr."""
    return "rtl" if language.partition("-")[0].lower() in RIGHT_TO_LEFT else "ltr"


class MenuEntry(Struct, frozen=True, gc=False):
    label: str
    url: str


class SiteDocument(Struct, frozen=True, gc=False):
    """The site's title, tagline, menu and settings."""

    title: str
    tagline: str = ""
    menu: tuple[MenuEntry, ...] = ()
    posts_per_page: int = 10
    language: str = "en"
    comments_open: bool = True

    @property
    def direction(self) -> str:
        return direction(self.language)
