from collections.abc import Sequence

from content.caching import NotThere
from content.documents import MenuEntry, SiteDocument
from content.models import Redirect, SiteConfig


async def site() -> SiteDocument:
    """The site's configuration, or its defaults where nobody has saved one."""
    config = await SiteConfig.objects.afirst() or SiteConfig()
    return SiteDocument(
        title=config.title,
        tagline=config.tagline,
        menu=tuple(MenuEntry(label=entry["label"], url=entry["url"]) for entry in config.menu),
        posts_per_page=config.posts_per_page,
        language=config.language,
        comments_open=config.comments_open,
    )


async def redirect_from(path: str) -> str:
    """Where that path has gone."""
    target = await Redirect.objects.filter(old_path=path).values_list("new_path", flat=True).afirst()
    if target is None:
        raise NotThere(f"no redirect from {path!r}")
    return target


async def redirects_from(paths: Sequence[str]) -> dict[str, str]:
    """As redirect_from, for many: one query."""
    rows = Redirect.objects.filter(old_path__in=paths).values_list("old_path", "new_path")
    return {old: new async for old, new in rows}
