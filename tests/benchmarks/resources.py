"""The cost of loading each resource from the database, on sites of three sizes: one entry, and a batch of a hundred.

`python -m tests.benchmarks.resources [postgres|sqlite ...] [posts ...]`, with its own settings and databases.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async

DATABASES = ("postgres", "sqlite")
SIZES = (509, 50_000, 100_000)
ROUNDS = 5
KEYS = 9
BATCH = 100


def main(wanted: Sequence[str]) -> None:
    """Each database and size in a process of its own."""
    databases = [name for name in wanted if name in DATABASES] or DATABASES
    sizes = [int(each) for each in wanted if each.isdecimal()] or SIZES
    for database in databases:
        for size in sizes:
            measure_in_a_process(database, size)


def measure_in_a_process(database: str, size: int) -> None:
    from tests.support.servers.postgres import running_postgres

    with (
        tempfile.TemporaryDirectory() as folder,
        running_postgres() if database == "postgres" else nullcontext() as it,
    ):
        url = it.url if it is not None else f"sqlite:///{folder}/site.sqlite3"
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": url,
            "EVERGREEN_STATE_DIR": folder,
        }
        command = [sys.executable, "-m", "tests.benchmarks.resources", "measure", database, str(size)]
        subprocess.run(command, check=True, env=environment)


def measure(database: str, size: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from tests.benchmarks.filled import fill

    call_command("migrate", verbosity=0)
    began = time.perf_counter()
    fill(size)
    print(f"\n{database}, {size:,} posts (filled in {time.perf_counter() - began:.0f} s)", flush=True)
    asyncio.run(measure_resources())


async def measure_resources() -> None:
    from django.conf import settings
    from rich.console import Console
    from rich.table import Table

    settings.DEBUG = False
    table = Table("resource", box=None, pad_edge=False)
    for name in ("one, ms", "queries", "a batch, ms", "entries", "queries", "largest, bytes"):
        table.add_column(name, justify="right")
    for name, resource, keys in await entries():
        table.add_row(name, *await costs(resource, keys))
    Console(width=120).print(table)


async def costs(resource: Any, keys: Sequence[tuple[Any, ...]]) -> list[str]:
    """The median over several keys, for the loader alone: without lease and store."""
    await run(resource, [keys[0]])
    singles = [await run(resource, [keys[number * 7 % len(keys)]]) for number in range(KEYS)]
    cost = statistics.median(seconds for seconds, _, _ in singles)
    row = [f"{cost * 1e3:.1f}", str(max(queries for _, queries, _ in singles))]
    largest = max(size for _, _, size in singles)
    if resource.load_many is None or len(keys) < 2:
        return [*row, "", "", "", f"{largest:,}"]
    batch = list(keys[:BATCH])
    seconds, queries, size = await run(resource, batch)
    return [*row, f"{seconds * 1e3:.1f}", str(len(batch)), str(queries), f"{max(largest, size):,}"]


async def run(resource: Any, keys: Sequence[tuple[Any, ...]]) -> tuple[float, int, int]:
    """Seconds of processor time (the least of the rounds), queries, bytes of the largest."""
    from content.caching.queries import count_queries

    taken = []
    for _ in range(ROUNDS):
        began = time.process_time() + await in_the_database()
        with count_queries() as counted:
            loaded = await resource.run_loader(keys, None)
        taken.append(time.process_time() + await in_the_database() - began)
    return min(taken), counted.count, max(len(resource.encode_result(result)) for result in loaded.values())


@sync_to_async
def in_the_database() -> float:
    """Seconds of processor time that this connection's server has taken: with ours, what a quiet machine waits."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return 0.0
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


async def entries() -> list[tuple[str, Any, list[tuple[Any, ...]]]]:
    """A name, the resource, and keys that are spread over the site."""
    from content import resources
    from content.models import Author, Category, Post, Tag
    from content.selectors import lists as list_selectors
    from content.selectors import sitemap, terms

    posts = [row async for row in Post.objects.filter(kind="post", status="published").values_list("pk", "slug")]
    some = posts[:: max(1, len(posts) // BATCH)][:BATCH]
    slugs = {}
    lists = [("all", 0)]
    for kind, model in (("category", Category), ("tag", Tag), ("author", Author)):
        rows = [row async for row in model.objects.values_list("pk", "slug")]
        slugs[kind] = [(slug,) for _, slug in rows[:BATCH]]
        lists += [(kind, pk) for pk, _ in rows[:40]]
    periods = [(by, pk, each) for by, pk in lists for each in (await list_selectors.load_periods(by, pk)).periods]
    pages = max(1, len(posts) // 10)
    summary = await sitemap.load_summary()
    starts = [(kind, start) for kind in slugs for start in (await terms.load_directory_index(kind)).starts]
    years = [(month.year,) for month in (await resources.archive.load(0)).months]
    return [
        ("post", resources.post, [("post", slug) for _, slug in some]),
        ("post_card", resources.post_card, [(pk,) for pk, _ in some]),
        ("withdrawn", resources.withdrawn, [("post", slug) for _, slug in some]),
        ("comments", resources.comments, [(pk,) for pk, _ in some]),
        ("related", resources.related, [(pk,) for pk, _ in some]),
        ("neighbours", resources.neighbours, [(pk,) for pk, _ in some]),
        ("listing: first pages", resources.listing, [(by, pk, 1, 10) for by, pk in lists]),
        ("listing: any page", resources.listing, [("all", 0, 1 + n * pages // BATCH, 10) for n in range(BATCH)]),
        ("listing: last pages", resources.listing, [("all", 0, pages - n, 10) for n in range(min(BATCH, pages))]),
        ("listing: years", resources.listing, list(dict.fromkeys(("year", year, 3, 10) for (year,) in years))),
        ("archive: years", resources.archive, list(dict.fromkeys(years))),
        ("archive: all", resources.archive, [(0,)]),
        ("periods", resources.periods, lists),
        (
            "window",
            resources.window,
            [(by, pk, each.number, each.part) for by, pk, each in periods][:: max(1, len(periods) // BATCH)],
        ),
        ("directory_index", resources.directory_index, [(kind,) for kind in slugs]),
        ("directory", resources.directory, starts),
        ("sidebar", resources.sidebar, [()]),
        ("popular", resources.popular, [()]),
        ("trending", resources.trending, [()]),
        ("category", resources.category, slugs["category"]),
        ("tag", resources.tag, slugs["tag"]),
        ("author", resources.author, slugs["author"]),
        ("redirect", resources.redirect, [(f"/old/{number}/",) for number in range(BATCH)]),
        ("site", resources.site, [()]),
        ("sitemap_summary", resources.sitemap_summary, [()]),
        ("sitemap_part", resources.sitemap_part, [(part.number,) for part in summary.parts]),
        ("sitemap_terms", resources.sitemap_terms, list(summary.terms)),
        ("matches: words", resources.matches, [("common", 0, 0, 0), ("rare", 0, 0, 0)]),
        (
            "matches: lists",
            resources.matches,
            [("", category[1], tag[1], 0) for category, tag in zip(lists[1:10], lists[30:39], strict=False)],
        ),
        ("search", resources.search, [("common", 1, 10), ("rare", 1, 10)]),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(sys.argv[2], int(sys.argv[3]))
    else:
        main(sys.argv[1:])
