"""An edit of each kind with every page warm and the rankings full, of a most viewed and of a hardly viewed post.

Pages that readers have to wait for, pages that became stale, and pages that look different, all rendered again. Then
the same edits where django-cacheops or django-cachalot caches querysets instead (tests/benchmarks/querysets).
"""

import asyncio
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async

from tests.benchmarks.edge import ask, handler, scope_of, site
from tests.benchmarks.rounds import console
from tests.support.servers.redis import running_redis

POSTS = Path("../shared/data/posts-18f")
FEEDS = (".xml", ".txt")
PEERS = ("cacheops", "cachalot")
# Columns of a post by the kind of edit.
EDITS: dict[str, Callable[[Any], dict[str, str]]] = {
    "body": lambda post: {"body": f"{post.body}\n\nOne more paragraph."},
    "title": lambda post: {"title": f"{post.title} again"},
    "withdrawn": lambda post: {"status": "withdrawn"},
    "published again": lambda post: {"status": "published"},
}


def main(redis_url: str) -> None:
    with site(redis_url) as call, tempfile.TemporaryDirectory() as folder:
        fill(call)
        for peer in PEERS:
            shutil.copytree(os.environ["EVERGREEN_STATE_DIR"], Path(folder) / peer)
        asyncio.run(run())
        for peer in PEERS:
            run_peer(peer, Path(folder) / peer)


def run_peer(peer: str, state: Path) -> None:
    """With settings of its own, and so in a process of its own."""
    with running_redis() as redis:
        environment = {"EVERGREEN_STATE_DIR": str(state), "REDIS_URL": redis.url}
        command = [sys.executable, "-m", "tests.benchmarks.querysets", peer]
        subprocess.run(command, env=os.environ | environment, check=True)


def fill(call: Callable[..., Any]) -> None:
    """Fill the site with a blog of 509 posts if there is one beside the checkout, else with the demo's."""
    from django.db import connections

    if POSTS.is_dir():
        call("import_content", str(POSTS), verbosity=0)
    else:
        call("demo_content", verbosity=0)
    fill_rankings()
    # The file of the database is whole now, and can be copied.
    connections.close_all()


def fill_rankings() -> None:
    """Views by Zipf's law, the oldest post first; heat as if all of them came an hour ago."""
    from django.utils import timezone

    from content.models import Post, PostViews

    now = timezone.now()
    posts = Post.objects.filter(status="published", kind="post").order_by("published_at")
    PostViews.objects.bulk_create(
        PostViews(post=post, total=100_000 // rank, heat=math.log2(100_000 // rank) + 20_000, last_viewed_at=now)
        for rank, post in enumerate(posts, 1)
    )


def posts_to_edit() -> tuple[Any, Any, Any]:
    """The most viewed post, a hardly viewed one and the newest."""
    from content.models import Post

    posts = list(Post.objects.filter(status="published", kind="post", password="").order_by("published_at"))
    return posts[0], posts[len(posts) // 2], posts[-1]


def edits() -> dict[str, Callable[[], Any]]:
    """One edit of each kind, as the admin or a service makes it."""
    from content.models import Author, SiteConfig, Tag

    viewed, tail, newest = posts_to_edit()

    def edit(row: Any, **values: Any) -> Callable[[], None]:
        def save() -> None:
            for name, value in values.items():
                setattr(row, name, value)
            row.save()

        return save

    of_posts: dict[str, Callable[[], Any]] = {
        f"{kind}, {which}": edit(post, **values(post))
        for kind, values in EDITS.items()
        for which, post in {"most viewed": viewed, "tail": tail}.items()
    }
    return of_posts | {
        "title of the newest post": edit(newest, title=f"{newest.title} again"),
        "a tag added to an old post": lambda: tail.tags.add(Tag.objects.exclude(posts=tail)[0]),
        "name of a tag": edit(Tag.objects.filter(posts=tail).first(), name="Another name"),
        "name of an author": edit(Author.objects.filter(posts=tail).first(), name="Another Name"),
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


def html_pages() -> list[str]:
    return [path for path in urls() if not path.endswith(FEEDS)]


async def run() -> None:
    from django.conf import settings

    from content.caching import invalidate
    from content.caching.cutoff import read_derived_values
    from content.caching.edge import EdgeCache
    from content.caching.edge.request import Request
    from content.purging.selection import tags_of_everything
    from project.edge import site_profile

    edge = EdgeCache(handler(settings.MIDDLEWARE), cache="default", profile=site_profile())
    paths = await sync_to_async(urls)()

    async def looks() -> dict[str, bytes]:
        return {path: await ask(edge, path) for path in paths}

    async def state_of(path: str) -> str:
        stored = (await edge.page_store.lookup_page(Request(scope_of(path)))).stored
        if stored is None:
            return "invalid"
        is_fresh = stored.verdict.value == "valid" and edge.engine.clock() < stored.header.fresh_until
        return "fresh" if is_fresh else "stale"

    async def settle() -> None:
        """Every page fresh: those made before the first rankings are made again."""
        for _ in range(50):
            await looks()
            await asyncio.sleep(0.1)
            if {await state_of(path) for path in paths} == {"fresh"}:
                return
        raise RuntimeError("Some pages do not become fresh.")

    html = await sync_to_async(html_pages)()
    feeds = [path for path in paths if path.endswith(FEEDS)]
    names = ("invalid", "stale", "different", "unchanged", "missed", "feeds invalid", "feeds diff.")
    console.print(f"{len(html)} HTML pages and {len(feeds)} feeds, all warm")
    console.print(f"{'edit':32}" + "".join(f"{name:>13}" for name in names))
    everything = list(tags_of_everything())
    for name, edit in (await sync_to_async(edits)()).items():
        await settle()
        before = await looks()
        await sync_to_async(edit)()
        for _ in range(2):
            await read_derived_values()
            await asyncio.sleep(0.3)
        states = {path: await state_of(path) for path in paths}
        await invalidate(everything)
        after = await looks()
        different = {path for path in paths if before[path] != after[path]}
        invalid, _, differ, _, _ = counts(feeds, states, different)
        numbers = [*counts(html, states, different), invalid, differ]
        console.print(f"{name:32}" + "".join(f"{number:13}" for number in numbers))


def counts(paths: list[str], states: dict[str, str], different: set[str]) -> list[int]:
    """Numbers of invalid pages, of stale, of different, of invalid ones that did not change, and of missed ones."""
    invalid = {path for path in paths if states[path] == "invalid"}
    stale = {path for path in paths if states[path] == "stale"}
    differ = different & set(paths)
    return [len(each) for each in (invalid, stale, differ, invalid - differ, differ - invalid - stale)]


if __name__ == "__main__":
    main(sys.argv[1])
