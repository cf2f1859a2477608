"""Running loaders: bounded in number, in a context that belongs to no request, on threads that keep connections."""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import InterfaceError, OperationalError, close_old_connections, connections

from content.caching.errors import Overloaded

T = TypeVar("T")

MOST_LOADS = 32
MOST_WAITING = 1000
# Connections of a thread that loads are looked at this often, in seconds, and after each load that failed.
LOOKED_AT = 5.0

# What goes with a load into its own context, like who counts its queries: append to it once, at start.
carried: list[contextvars.ContextVar[Any]] = []


class Threads:
    """A thread for the ORM with its connections, lent to one load after the other."""

    def __init__(self) -> None:
        self.context = ThreadSensitiveContext()
        self.looked_at = time.monotonic()

    async def run(self, load: Callable[[], Awaitable[T]]) -> T:
        SyncToAsync.thread_sensitive_context.set(self.context)
        if time.monotonic() - self.looked_at > LOOKED_AT:
            await sync_to_async(close_old_connections)()
            self.looked_at = time.monotonic()
        try:
            return await load()
        except (OperationalError, InterfaceError):
            # One that died while nobody used it, as all do when the database restarts, is no error of the loader's.
            if not await sync_to_async(closed_broken_connections)():
                raise
            return await load()
        except BaseException:
            self.looked_at = float("-inf")
            raise

    async def close(self) -> None:
        """Its connections first: PostgreSQL holds one for as long as nobody says that it is over."""
        executor = SyncToAsync.context_to_thread_executor.pop(self.context, None)
        if executor is not None:
            await asyncio.wrap_future(executor.submit(connections.close_all))
            executor.shutdown(wait=False)


def closed_broken_connections() -> bool:
    """Of this thread; whether there were any."""
    used = connections.all(initialized_only=True)
    broken = [connection for connection in used if connection.errors_occurred and not connection.is_usable()]
    for connection in broken:
        connection.close()
    return bool(broken)


class Loading:
    """The loads of one event loop.

    A load that several wait for must not end with the request that began it, so it runs in a context of its own.
    """

    # False runs loads in their caller's context, for tests that keep their rows in a transaction.
    apart = True

    def __init__(self, most_loads: int = MOST_LOADS, most_waiting: int = MOST_WAITING) -> None:
        self.slots = asyncio.Semaphore(most_loads)
        self.most_waiting = most_waiting
        self.waiting = 0
        self.free: list[Threads] = []

    async def run(self, load: Callable[[], Awaitable[T]]) -> T:
        """Raises Overloaded past the bounds."""
        if self.slots.locked() and self.waiting >= self.most_waiting:
            raise Overloaded(f"{self.waiting} loads wait already; that is the most.")
        self.waiting += 1
        try:
            await self.slots.acquire()
        finally:
            self.waiting -= 1
        try:
            return await (self.run_apart(load) if self.apart else load())
        finally:
            self.slots.release()

    async def run_apart(self, load: Callable[[], Awaitable[T]]) -> T:
        threads = self.free.pop() if self.free else Threads()
        task = asyncio.get_running_loop().create_task(threads.run(load), context=fresh_context())
        try:
            return await task
        finally:
            self.free.append(threads)

    async def close(self) -> None:
        """At the end of the loop: its loads are over, or cancelled by now."""
        while self.free:
            await self.free.pop().close()


def fresh_context() -> contextvars.Context:
    here, context = contextvars.copy_context(), contextvars.Context()
    for variable in carried:
        if variable in here:
            context.run(variable.set, here[variable])
    return context
