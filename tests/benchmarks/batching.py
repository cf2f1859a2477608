"""`aget` over our connection and over redis.asyncio pipelines. Both send one batch for each turn of the event loop.

Only the connection differs: the cache, its keys and its serializer are the same. The callers run on one core, Redis
on another. Contenders alternate, round by round.
"""

import asyncio
import gc
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import redis.asyncio
import uvloop
from django.core.cache import caches
from rich.table import Table

from tests.benchmarks.backend import KEYS, call_together
from tests.benchmarks.cores import FOR_THE_LOAD, FOR_THE_SERVER
from tests.benchmarks.rounds import console
from tests.benchmarks.servers import VALUE, configure
from tests.support.servers.redis import running_redis

ROUNDS = 15
CONNECTIONS = 4
# Concurrent callers: calls in one round, by all of them together.
CALLS = {1: 1_000, 32: 6_400, 256: 12_800}

Get = Callable[[str], Awaitable[Any]]


@dataclass(frozen=True)
class Round:
    """`seconds`: by the clock. `cpu`: of this process, in seconds."""

    calls: int
    seconds: float
    cpu: float


def main() -> None:
    os.sched_setaffinity(0, {FOR_THE_SERVER})
    with running_redis() as server:
        os.sched_setaffinity(server.process.pid, {FOR_THE_LOAD})
        configure(server.url, server.url)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())


async def run() -> None:
    ours: Any = caches["default"]
    await ours.aset_many({str(number): VALUE for number in range(KEYS)}, None)
    gets: dict[str, Get] = {
        "our connection": ours.aget,
        "pipelines": get_over(pipelines(ours.servers[0], tuned=False)),
        "pipelines, tuned": get_over(pipelines(ours.servers[0], tuned=True)),
    }
    for callers, calls in CALLS.items():
        show(f"aget, {callers} callers", await alternate(gets, callers, calls))


def get_over(connection: Any) -> Get:
    """The `aget` of the same cache over another connection."""
    cache: Any = caches.create_connection("default")
    cache._connection = lambda *, write: connection
    return cache.aget


def pipelines(server: Any, *, tuned: bool) -> Any:
    """`tuned`: GETs are joined to MGETs as ours are, and a single command needs no pipeline."""
    # Imported here, because the cluster client needs configured settings.
    from content.caching.backends.cluster import ClusterConnection
    from content.caching.backends.connection import join_reads

    class Pipelines(ClusterConnection):
        async def _run(self, batch: list[Any]) -> None:
            await super()._run(list(join_reads(batch)) if tuned else batch)

        async def _execute_pipeline(self, commands: list[Any]) -> list[Any]:
            if tuned and len(commands) == 1:
                return [await self.client.execute_command(*commands[0])]
            pipeline = self.client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            return await pipeline.execute(raise_on_error=False)

    connection = Pipelines(server)
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        server.url, max_connections=CONNECTIONS, timeout=None, **server.client_options()
    )
    assert "Hiredis" in type(pool.make_connection()._parser).__name__
    connection.client = redis.asyncio.Redis(connection_pool=pool)
    return connection


def by_number(get: Get) -> Callable[[int], Awaitable[Any]]:
    return lambda number: get(str(number))


async def alternate(gets: dict[str, Get], callers: int, calls: int) -> dict[str, list[Round]]:
    jobs = {name: call_together(by_number(get), callers, calls) for name, get in gets.items()}
    for job in jobs.values():
        await job()
    rounds: dict[str, list[Round]] = {name: [] for name in jobs}
    for number in range(ROUNDS):
        for name in list(jobs) if number % 2 else reversed(jobs):
            gc.collect()
            began, cpu = time.perf_counter(), time.process_time()
            done = await jobs[name]()
            rounds[name].append(Round(done, time.perf_counter() - began, time.process_time() - cpu))
    return rounds


def show(title: str, measured: dict[str, list[Round]]) -> None:
    """`beside ours`: the CPU of each round beside ours in the same round."""
    table = Table("", title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("calls/s", "spread", "CPU µs a call", "spread", "beside ours", "quartiles"):
        table.add_column(name, justify="right")
    ours = next(iter(measured.values()))
    for name, rounds in measured.items():
        rates = [each.calls / each.seconds for each in rounds]
        costs = [each.cpu / each.calls * 1e6 for each in rounds]
        low, middle, high = statistics.quantiles(
            (each.cpu / base.cpu for each, base in zip(rounds, ours, strict=True)), n=4
        )
        table.add_row(
            name,
            f"{statistics.median(rates):,.0f}",
            spread(rates),
            f"{statistics.median(costs):.1f}",
            spread(costs),
            f"{middle:.2f}",
            f"{low:.2f} to {high:.2f}",
        )
    console.print(table)
    console.print()


def spread(values: list[float]) -> str:
    """From the smallest to the largest, as a share of the median."""
    return f"{(max(values) - min(values)) / statistics.median(values):.0%}"


if __name__ == "__main__":
    main()
