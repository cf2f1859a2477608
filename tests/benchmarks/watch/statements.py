"""The cost of a statement for its writer, with and without triggers, and for the log."""

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import count
from typing import Any

from django.db import connection
from rich.table import Table

from content.caching import RARE, Resource
from content.caching.watch.relay import prune, relay_waiting
from tests.benchmarks.rounds import console
from tests.benchmarks.versions.comparison import Comparison
from tests.benchmarks.watch.tables import fill, make_tables, outbox_size

MANY = {"postgresql": 1_000_000, "sqlite": 100_000}
# Statements of a round that write one row each.
SINGLE = 300
# Rows of the tables whose rows are written one by one.
FEW = 1000
# Short and long.
PAIRS = {"single": (6, 40), "many": (2, 12)}
# No pair begins later than so many seconds after the first: 500 seconds for all parts.
LONGEST = 100.0
UNRELATED = 1000

values = count(1)
Work = Callable[[], None]


async def compare(client: Any, parts: Sequence[str], *, is_long: bool) -> None:
    plain, watched = await asyncio.to_thread(make_tables)
    await asyncio.to_thread(fill, watched, FEW)
    if "single" in parts:
        await asyncio.to_thread(compare_single_rows, plain, watched, is_long)
    if "many" in parts:
        await asyncio.to_thread(compare_many_rows, client, plain, watched, is_long)


def compare_single_rows(plain: Any, watched: Any, is_long: bool) -> None:
    def write_rows(model: Any) -> Work:
        def work() -> None:
            for number in range(1, SINGLE + 1):
                model.objects.filter(pk=number).update(price=next(values))

        return work

    def write_rows_elsewhere(model: Any) -> Work:
        """As another program does: the change waits in the outbox."""

        def work() -> None:
            for number in range(1, SINGLE + 1):
                elsewhere(f"UPDATE {model._meta.db_table} SET price = {next(values)} WHERE id = {number}")

        return work

    fill(plain, FEW)
    fill(watched, FEW)
    relay_all()
    pairs = time_in_pairs(write_rows_elsewhere(plain), write_rows_elsewhere(watched), PAIRS["single"][is_long])
    show_pairs("one row, committed, and left in the outbox if watched", pairs, SINGLE, "microseconds")
    relay_all()
    pairs = time_in_pairs(write_rows(plain), write_rows(watched), PAIRS["single"][is_long])
    show_pairs("one row, committed, and appended to the log if watched", pairs, SINGLE, "microseconds")


def compare_many_rows(client: Any, plain: Any, watched: Any, is_long: bool) -> None:
    many = MANY[connection.vendor]

    def write_all(model: Any) -> Work:
        def work() -> None:
            elsewhere(f"UPDATE {model._meta.db_table} SET price = {next(values)}")

        return work

    for model in (plain, watched):
        fill(model, many)
    relay_all()
    unrelated = entries("unrelated", lambda number: (f"plain:{number}:page", "plain:*"))
    related = entries("related", lambda number: (f"watched:{number}:page", "watched:*"))
    client.config_set("slowlog-log-slower-than", 500)
    client.slowlog_reset()
    appended = []
    pairs: list[tuple[float, float]] = []
    end = time.monotonic() + LONGEST
    while len(pairs) < PAIRS["many"][is_long] and (not pairs or time.monotonic() < end):
        before = client.xinfo_stream("{watch:log}")["entries-added"]
        pairs += time_in_pairs(write_all(plain), write_all(watched), 1)
        rows = outbox_size()[0]
        relay_all()
        appended.append((rows, client.xinfo_stream("{watch:log}")["entries-added"] - before))
        console.print(f"{pairs[-1][0]:.2f} s plain, {pairs[-1][1]:.2f} s watched")
    show_pairs(f"{many:,} rows by one statement", pairs, 1, "milliseconds")
    slowest = max((each["duration"] for each in client.slowlog_get(1000)), default=0)
    rows, records = max(appended)[0], max(each for _, each in appended)
    console.print(f"rows in the outbox: {rows:,}; records appended: {records}; entries that ended: ", end="")
    console.print(f"{unrelated():.1%} of the unrelated, {related():.1%} of the related; ", end="")
    console.print(f"slowest command in Redis: {slowest / 1000:.1f} ms\n")


def elsewhere(sql: str) -> None:
    """Write by the driver, so that this process relays nothing at once."""
    connection.ensure_connection()
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(sql)


def relay_all() -> None:
    while relay_waiting():
        pass
    prune()


def entries(name: str, tags: Callable[[int], tuple[str, ...]]) -> Callable[[], float]:
    """Stored now. Returns a function that answers which share of them had to be loaded again."""
    loads = []

    def load(number: int) -> int:
        loads.append(number)
        return number

    loader: Any = load
    resource: Resource[Any, int] = Resource(f"bench_{name}", load=loader, policy=RARE, tags=tags)
    for number in range(UNRELATED):
        resource.get_sync(number)
    loads.clear()

    def share_loaded() -> float:
        for number in range(UNRELATED):
            resource.get_sync(number)
        return len(loads) / UNRELATED

    return share_loaded


def time_in_pairs(plain: Work, watched: Work, number: int) -> list[tuple[float, float]]:
    """Seconds of each, one after the other, beginning with the other one each time; one more pair to warm up.

    Fewer pairs if they take longer than LONGEST.
    """
    pairs: list[tuple[float, float]] = []
    end = time.monotonic() + LONGEST
    for turn in range(number + 1):
        if len(pairs) > 1 and time.monotonic() > end:
            break
        taken = {}
        for work in (plain, watched) if turn % 2 else (watched, plain):
            gc.collect()
            began = time.perf_counter()
            work()
            taken[work] = time.perf_counter() - began
        pairs.append((taken[plain], taken[watched]))
    return pairs[1:] if number > 1 else pairs[-1:]


def show_pairs(title: str, pairs: list[tuple[float, float]], operations: int, unit: str) -> None:
    scale = {"microseconds": 1e6, "milliseconds": 1e3}[unit] / operations
    compared = Comparison(title, tuple(pairs))
    low, high = compared.interval
    table = Table("", title=f"{connection.vendor}: {title}", title_justify="left", box=None, pad_edge=False)
    for name in (f"{unit}, plain", "watched", "median of ratios", f"interval ({compared.coverage:.0%})", "pairs"):
        table.add_column(name, justify="right")
    table.add_row(
        "",
        f"{compared.old * scale:,.1f}",
        f"{compared.new * scale:,.1f}",
        f"{compared.ratio:.2f}",
        f"{low:.2f} to {high:.2f}",
        str(len(pairs)),
    )
    console.print(table)
    console.print()
