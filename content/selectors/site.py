from collections.abc import Sequence

from content.caching import NotThere
from content.documents import MenuEntry, SiteDocument
from content.models import Redirect, SiteConfig


async def load_site() -> SiteDocument:
    """The site's configuration, or the defaults if none is saved."""
    config = await SiteConfig.objects.afirst() or SiteConfig()
    return SiteDocument(
        title=config.title,
        tagline=config.tagline,
        menu=tuple(MenuEntry(label=entry["label"], url=entry["url"]) for entry in config.menu),
        posts_per_page=config.posts_per_page,
        language=config.language,
        comments_open=config.comments_open,
    )


async def load_redirect(path: str) -> str:
    """The new path of an old path."""
    target = await Redirect.objects.filter(old_path=path).values_list("new_path", flat=True).afirst()
    if target is None:
        raise NotThere(f"no redirect from {path!r}")
    return target


async def load_redirects(paths: Sequence[str]) -> dict[str, str]:
    """As load_redirect, for many paths: one query."""
    rows = Redirect.objects.filter(old_path__in=paths).values_list("old_path", "new_path")
    return {old: new async for old, new in rows}
