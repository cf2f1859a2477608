"""A load under way in this process, shared by all who want its key."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

from content.caching.entry import Stamp
from content.caching.errors import LoadError
from content.caching.key import EntryKey

if TYPE_CHECKING:
    from content.caching.entry import CachedValue


class LoaderRun:
    """One run of a loader, for one key or many, and the flights that it waits for."""

    def __init__(self) -> None:
        self.waits_for: set[Call] = set()


# The run of a loader that this code is part of.
current_run: ContextVar[LoaderRun | None] = ContextVar("current_making", default=None)


class Call:
    """From the lookup of one key to its answer. `stamp` is where its load began, None until it does; `kept` is what
    may be served should that fail.

    Each reader waits on a future of its own: whoever is cancelled cancels nobody else (I11).
    """

    __slots__ = ("answer", "entry_key", "error", "fallback", "loop", "on_done", "outcome", "run", "stamp", "waiters")

    def __init__(
        self, entry_key: EntryKey, loop: asyncio.AbstractEventLoop, on_done: "Callable[[Call], None] | None" = None
    ) -> None:
        self.entry_key = entry_key
        self.loop = loop
        self.on_done = on_done
        self.waiters: list[asyncio.Future[CachedValue]] = []
        self.answer: CachedValue | None = None
        self.error: BaseException | None = None
        self.run: LoaderRun | None = None
        self.stamp: Stamp | None = None
        self.fallback: CachedValue | None = None
        # What the shared tier gave: hit, negative, stale. To be counted where the reader is.
        self.outcome: str | None = None

    @property
    def key(self) -> str:
        return self.entry_key.key

    @property
    def is_done(self) -> bool:
        return self.answer is not None or self.error is not None

    def resolve(self, answer: "CachedValue") -> None:
        if not self.is_done:
            self.answer = answer
            self._finish()

    def reject(self, error: BaseException) -> None:
        if not self.is_done:
            self.error = error
            self._finish()

    def _finish(self) -> None:
        if self.on_done is not None:
            self.on_done(self)
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            self._settle(waiter)

    def _settle(self, waiter: "asyncio.Future[CachedValue]") -> None:
        if waiter.done():
            return
        if self.answer is not None:
            waiter.set_result(self.answer)
        elif self.error is not None:
            waiter.set_exception(self.error)

    def new_waiter(self) -> "asyncio.Future[CachedValue]":
        waiter: asyncio.Future[CachedValue] = self.loop.create_future()
        if self.is_done:
            self._settle(waiter)
        else:
            self.waiters.append(waiter)
        return waiter

    async def wait(self) -> "CachedValue":
        """The answer, or the error that its load ended with."""
        run = current_run.get()
        if run is None:
            return await self.new_waiter()
        if self.depends_on(run):
            raise LoadError(f"{self.key} is read while it is loaded, by what its own loader reads.")
        run.waits_for.add(self)
        try:
            return await self.new_waiter()
        finally:
            run.waits_for.discard(self)

    def depends_on(self, run: LoaderRun) -> bool:
        """Whether this flight waits, through others, for what that loader makes: they would wait for ever."""
        seen: set[Call] = set()
        waiting = [self]
        while waiting:
            call = waiting.pop()
            if call.run is run:
                return True
            if call not in seen:
                seen.add(call)
                waiting += call.run.waits_for if call.run else ()
        return False
