"""Loads for checks: one at a time, on a thread and a connection of their own, and none of them is stored.

A budget bounds the share of the database's time that they take, summed over all processes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from .. import lua
from ..backends.connection import connection_to
from ..backends.server import Server
from ..cutoff import PastCache, current_load, past_cache
from ..executor import LoadExecutor
from ..queries import wrap_statements

# Seconds of the database that may be saved up. With one percent they take 25 seconds to return.
SAVED = 0.25
# A load is charged the time of its statements, and at least this share of its whole time.
CHARGED = 0.1


class Budget:
    """`share`: seconds of the database a second, as 0.01."""

    def __init__(self, server: Server, prefix: str, share: float) -> None:
        self.server = server
        self.share = share
        self.key = f"{{{prefix}:verify}}:spent"

    async def seconds_to_wait(self) -> float:
        """0 if a load may begin now. Raises RedisError or OSError."""
        return await self._spend(0.0, anyway=False) / 1000

    async def charge(self, seconds: float) -> None:
        """Spend what a load has cost. Loads that follow wait until it has returned."""
        await self._spend(seconds, anyway=True)

    async def _spend(self, seconds: float, *, anyway: bool) -> float:
        refill, room = seconds / self.share * 1000, SAVED / self.share * 1000
        arguments = (self.key, f"{refill:.3f}", f"{room:.3f}", int(anyway))
        return float(await connection_to(self.server).execute("EVAL", lua.SPEND, 1, *arguments))


T = TypeVar("T")

# Seconds. A load that takes longer is given up.
LONGEST_LOAD = 30.0
# Seconds for which the end of the verifier waits for a load.
LONGEST_CLOSE = 1.0


def watch_connections() -> None:
    """Start to time the statements of loads for checks. Other statements cost one call more."""
    wrap_statements(_time_statement)


def _time_statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    load = current_load.get()
    if load is None:
        return execute(sql, params, many, context)
    began = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        load.seconds += time.perf_counter() - began


class PastCacheLoader:
    def __init__(self) -> None:
        self.executor = LoadExecutor(max_loads=1)
        self.running: set[asyncio.Future[Any]] = set()

    async def load(self, work: Callable[[], Awaitable[T]], load: PastCache) -> T | None:
        """None for a value that cannot be compared: something that it shows in passing is not stored.

        Raises what the work raises. In any case `load.seconds` are those that it is charged.
        """

        async def run() -> T:
            began = time.perf_counter()
            try:
                with past_cache(load):
                    return await work()
            finally:
                load.seconds = max(load.seconds, CHARGED * (time.perf_counter() - began))

        task = asyncio.ensure_future(self.executor.run(run))
        self.running.add(task)
        task.add_done_callback(self._forget)
        try:
            async with asyncio.timeout(LONGEST_LOAD):
                # A cancelled check leaves its load to end: Django does not clean up after one that is cut off.
                value = await asyncio.shield(task)
        except TimeoutError:
            task.cancel()
            raise
        return value if load.is_exact else None

    def _forget(self, task: "asyncio.Future[Any]") -> None:
        self.running.discard(task)
        if not task.cancelled():
            task.exception()

    async def close(self) -> None:
        """Wait a second for a load that runs, then cut it off."""
        if self.running:
            _, late = await asyncio.wait(self.running, timeout=LONGEST_CLOSE)
            for task in late:
                task.cancel()
        await self.executor.close()
