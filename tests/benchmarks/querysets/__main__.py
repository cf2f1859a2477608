"""Part of `make bench ONLY=precision`: its edits, where django-cacheops or django-cachalot caches querysets.

python -m tests.benchmarks.querysets cacheops|cachalot, with EVERGREEN_STATE_DIR of a filled site, and REDIS_URL
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from asgiref.sync import sync_to_async

from tests.benchmarks.edge import ask, handler
from tests.benchmarks.precision import edits, html_pages, posts_to_edit
from tests.benchmarks.rounds import console

NAMES = ("waiting", "different", "unchanged", "missed", "queries")
EVERY = 5


def main(peer: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = f"tests.benchmarks.querysets.{peer}_settings"
    import django

    django.setup()
    asyncio.run(run(peer))


def without_cache(peer: str) -> AbstractContextManager[Any]:
    """Inside, each query goes to the database."""
    if peer == "cachalot":
        from cachalot.api import cachalot_disabled

        return cachalot_disabled()
    from django.test import override_settings

    return override_settings(CACHEOPS_ENABLED=False)


class Pages:
    """HTML pages, read one after the other. `queries` counts those that went to the database for the last page."""

    def __init__(self) -> None:
        from django.conf import settings
        from django.db.backends.signals import connection_created

        self.app = handler(settings.MIDDLEWARE)
        self.queries = 0
        connection_created.connect(self.follow)

    def follow(self, connection: Any, **_: Any) -> None:
        if self.count not in connection.execute_wrappers:
            connection.execute_wrappers.append(self.count)

    def count(self, execute: Callable[..., Any], *query: Any) -> Any:
        self.queries += 1
        return execute(*query)

    async def read(self, paths: Iterable[str]) -> tuple[dict[str, bytes], dict[str, int]]:
        """The pages, and the queries of those that sent any to the database."""
        looks, queries = {}, {}
        for path in paths:
            self.queries = 0
            looks[path] = await ask(self.app, path)
            if self.queries:
                queries[path] = self.queries
        return looks, queries


def some_pages() -> list[str]:
    """One page in five, and those of the posts that are edited: a page takes these caches up to 0.1 s."""
    return [*dict.fromkeys([*html_pages()[::EVERY], *(post.get_absolute_url() for post in posts_to_edit())])]


async def run(peer: str) -> None:
    from django.db import connections

    await sync_to_async(connections.close_all)()
    pages, paths = Pages(), await sync_to_async(some_pages)()
    _, queries = await pages.read(paths)
    console.print(f"{peer}: {len(paths)} HTML pages, made with {sum(queries.values())} queries")
    before, queries = await pages.read(paths)
    console.print(f"Pages that ask the database without an edit: {len(queries)}")
    console.print(f"{'edit':32}" + "".join(f"{name:>13}" for name in NAMES))
    for name, edit in (await sync_to_async(edits)()).items():
        await sync_to_async(edit)()
        after, queries = await pages.read(paths)
        with without_cache(peer):
            truth, _ = await pages.read(path for path in paths if path not in queries)
        different = {path for path in paths if before[path] != (after | truth)[path]}
        missed = {path for path in truth if after[path] != truth[path]}
        numbers = (len(queries), len(different), len(queries.keys() - different), len(missed), sum(queries.values()))
        console.print(f"{name:32}" + "".join(f"{number:13}" for number in numbers))
        before = after | truth


if __name__ == "__main__":
    main(sys.argv[1])
