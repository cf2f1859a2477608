"""Run loaders: bounded in number, in a context that belongs to no request, on threads that keep connections."""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import InterfaceError, OperationalError, close_old_connections, connections

from .errors import Overloaded

T = TypeVar("T")

MAX_LOADS = 32
MAX_WAITING = 1000
# Connections of a thread that loads are looked at this often, in seconds, and after each load that failed.
CHECK_EVERY = 5.0

# Context variables that a load inherits from its reader, such as query counters. Append to it at import.
inherited_variables: list[contextvars.ContextVar[Any]] = []


class OrmThread:
    """A thread for the ORM with its connections, lent to one load after the other."""

    def __init__(self) -> None:
        self.context = ThreadSensitiveContext()
        self.checked_at = time.monotonic()

    async def run(self, load: Callable[[], Awaitable[T]]) -> T:
        SyncToAsync.thread_sensitive_context.set(self.context)
        if time.monotonic() - self.checked_at > CHECK_EVERY:
            await sync_to_async(close_old_connections)()
            self.checked_at = time.monotonic()
        try:
            return await load()
        except (OperationalError, InterfaceError):
            # One that died while nobody used it, as all do when the database restarts, is no error of the loader's.
            if not await sync_to_async(_close_broken_connections)():
                raise
            return await load()
        except BaseException:
            self.checked_at = float("-inf")
            raise

    async def close(self) -> None:
        """Close its connections first: PostgreSQL holds one until it is closed."""
        closed = self.discard()
        if closed is not None:
            await asyncio.wrap_future(closed)

    def discard(self) -> "Future[None] | None":
        """Like `close`, but wait for nothing."""
        executor = SyncToAsync.context_to_thread_executor.pop(self.context, None)
        if executor is None:
            return None
        closed: Future[None] = executor.submit(connections.close_all)
        executor.shutdown(wait=False)
        return closed


def _close_broken_connections() -> bool:
    """Close those of this thread. Whether there were any."""
    used = connections.all(initialized_only=True)
    broken = [connection for connection in used if connection.errors_occurred and not connection.is_usable()]
    for connection in broken:
        connection.close()
    return bool(broken)


class LoadExecutor:
    """The loads of one event loop.

    A load that several wait for must not end with the request that began it, so it runs in a context of its own.
    """

    # False runs loads in their caller's context, for tests that keep their rows in a transaction.
    isolated = True

    def __init__(self, max_loads: int = MAX_LOADS, max_waiting: int = MAX_WAITING) -> None:
        self.slots = asyncio.Semaphore(max_loads)
        self.max_waiting = max_waiting
        self.waiting = 0
        self.free: list[OrmThread] = []

    async def run(self, load: Callable[[], Awaitable[T]]) -> T:
        """Raises Overloaded past the bounds."""
        if self.slots.locked() and self.waiting >= self.max_waiting:
            raise Overloaded(f"{self.waiting} loads wait already; that is the most.")
        self.waiting += 1
        try:
            await self.slots.acquire()
        finally:
            self.waiting -= 1
        try:
            return await (self._run_isolated(load) if self.isolated else load())
        finally:
            self.slots.release()

    async def _run_isolated(self, load: Callable[[], Awaitable[T]]) -> T:
        thread = self.free.pop() if self.free else OrmThread()
        task = asyncio.get_running_loop().create_task(thread.run(load), context=_new_context())
        try:
            return await task
        finally:
            self.free.append(thread)

    async def close(self) -> None:
        """Called at the end of the loop, when its loads are done or cancelled."""
        while self.free:
            await self.free.pop().close()

    def discard(self) -> None:
        """Like `close`, for a loop that is closed already."""
        while self.free:
            self.free.pop().discard()


def load_context() -> contextvars.Context:
    """The context of a load in its reader's own thread."""
    return _new_context() if LoadExecutor.isolated else contextvars.copy_context()


def _new_context() -> contextvars.Context:
    here, context = contextvars.copy_context(), contextvars.Context()
    for variable in inherited_variables:
        if variable in here:
            context.run(variable.set, here[variable])
    return context
