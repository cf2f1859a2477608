"""An edit of each kind with every page warm: pages that it ended, beside pages that look different after it."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from rich.table import Table

from tests.benchmarks.edge import ask, handler, scope_of, site
from tests.benchmarks.rounds import console

POSTS = Path("../shared/data/posts-18f")


def main(redis_url: str) -> None:
    with site(redis_url) as call:
        if POSTS.is_dir():
            call("import_content", str(POSTS), verbosity=0)
        else:
            call("demo_content", verbosity=0)
        asyncio.run(run())


def edits() -> dict[str, Callable[[], Any]]:
    """One edit of each kind, as the admin or a service makes it."""
    from content.models import Author, Post, SiteConfig, Tag

    newest, other = Post.objects.filter(status="published", kind="post").order_by("-published_at")[:2]
    old = Post.objects.filter(status="published", kind="post").order_by("published_at")[5]

    def edit(row: Any, **values: Any) -> Callable[[], None]:
        def save() -> None:
            for name, value in values.items():
                setattr(row, name, value)
            row.save()

        return save

    return {
        "body of an old post": edit(old, body=f"{old.body}\n\nOne more paragraph."),
        "title of an old post": edit(old, title=f"{old.title} again"),
        "title of the newest post": edit(newest, title=f"{newest.title} again"),
        "a post withdrawn": edit(other, status="draft"),
        "a post published again": edit(other, status="published"),
        "a tag added to an old post": lambda: old.tags.add(Tag.objects.exclude(posts=old)[0]),
        "name of a tag": edit(Tag.objects.filter(posts=old).first(), name="Another name"),
        "name of an author": edit(Author.objects.filter(posts=old).first(), name="Another Name"),
        "title of the site": edit(SiteConfig.objects.first() or SiteConfig(), title="Another site"),
    }


def urls() -> list[str]:
    """Every page, feed and archive that a reader can reach."""
    from content.models import Author, Category, Post, SiteConfig, Tag

    posts = Post.objects.filter(status="published", password="")  # those that have one are not public
    a_page = (SiteConfig.objects.first() or SiteConfig()).posts_per_page
    pages = -(-posts.filter(kind="post").count() // a_page)
    return [
        "/",
        *(f"/?page={number}" for number in range(2, pages + 1)),
        *(f"/posts/{post.slug}/" if post.kind == "post" else f"/{post.slug}/" for post in posts),
        *(f"/categories/{each.slug}/" for each in Category.objects.all()),
        *(f"/tags/{each.slug}/" for each in Tag.objects.all()),
        *(f"/authors/{each.slug}/" for each in Author.objects.all()),
        *("/feed.xml", "/atom.xml", "/sitemap.xml", "/robots.txt", "/archive/", "/popular/", "/trending/"),
        *(f"/categories/{each.slug}/feed.xml" for each in Category.objects.all()),
        *(f"/tags/{each.slug}/feed.xml" for each in Tag.objects.all()),
        *(f"/authors/{each.slug}/atom.xml" for each in Author.objects.all()),
        *(f"/archive/{day:%Y}/" for day in posts.filter(kind="post").dates("published_at", "year")),
        *(f"/archive/{day:%Y/%m}/" for day in posts.filter(kind="post").dates("published_at", "month")),
    ]


async def run() -> None:
    from django.conf import settings

    from content.caching import invalidate
    from content.caching.edge import EdgeCache
    from content.caching.edge.request import Request
    from content.management.commands.purge_cache import tags_to_purge
    from project.edge import site_profile

    edge = EdgeCache(handler(settings.MIDDLEWARE), cache="default", profile=site_profile())
    paths = await sync_to_async(urls)()

    async def looks() -> dict[str, bytes]:
        return {path: await ask(edge, path) for path in paths}

    async def is_kept(path: str) -> bool:
        return (await edge.page_store.lookup_page(Request(scope_of(path)))).stored is not None

    table = Table(title=f"{len(paths)} pages, all warm", title_justify="left", box=None, pad_edge=False)
    for name in ("edit", "pages ended", "look different", "missed", "surplus"):
        table.add_column(name, justify="left" if name == "edit" else "right")
    everything = tags_to_purge(None, None, None, everything=True)
    for name, edit in (await sync_to_async(edits)()).items():
        await looks()
        before = await looks()
        await sync_to_async(edit)()
        ended = {path for path in paths if not await is_kept(path)}
        await invalidate(everything)
        after = await looks()
        different = {path for path in paths if before[path] != after[path]}
        counts = (ended, different, different - ended, ended - different)
        table.add_row(name, *(str(len(each)) for each in counts))
    console.print(table)


if __name__ == "__main__":
    main(sys.argv[1])
