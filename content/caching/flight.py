"""A load under way in this process, shared by all who want its key."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

from content.caching.entry import Stamp
from content.caching.errors import LoadError
from content.caching.want import Want

if TYPE_CHECKING:
    from content.caching.answer import Answer


class Making:
    """One run of a loader, for one key or many, and the flights that it waits for."""

    def __init__(self) -> None:
        self.waits_for: set[Flight] = set()


# The run of a loader that this code is part of.
current_making: ContextVar[Making | None] = ContextVar("current_making", default=None)


class Flight:
    """From the lookup of one key to its answer. `stamp` is where its load began, None until it does; `kept` is what
    may be served should that fail.

    Each reader waits on a future of its own: whoever is cancelled cancels nobody else (I11).
    """

    __slots__ = ("answer", "error", "kept", "loop", "making", "outcome", "stamp", "waiters", "want", "when_done")

    def __init__(
        self, want: Want, loop: asyncio.AbstractEventLoop, when_done: "Callable[[Flight], None] | None" = None
    ) -> None:
        self.want = want
        self.loop = loop
        self.when_done = when_done
        self.waiters: list[asyncio.Future[Answer]] = []
        self.answer: Answer | None = None
        self.error: BaseException | None = None
        self.making: Making | None = None
        self.stamp: Stamp | None = None
        self.kept: Answer | None = None
        # What the shared tier gave: hit, negative, stale. To be counted where the reader is.
        self.outcome: str | None = None

    @property
    def key(self) -> str:
        return self.want.key

    @property
    def is_done(self) -> bool:
        return self.answer is not None or self.error is not None

    def land(self, answer: "Answer") -> None:
        if not self.is_done:
            self.answer = answer
            self.end()

    def crash(self, error: BaseException) -> None:
        if not self.is_done:
            self.error = error
            self.end()

    def end(self) -> None:
        if self.when_done is not None:
            self.when_done(self)
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            self.settle(waiter)

    def settle(self, waiter: "asyncio.Future[Answer]") -> None:
        if waiter.done():
            return
        if self.answer is not None:
            waiter.set_result(self.answer)
        elif self.error is not None:
            waiter.set_exception(self.error)

    def waiter(self) -> "asyncio.Future[Answer]":
        waiter: asyncio.Future[Answer] = self.loop.create_future()
        if self.is_done:
            self.settle(waiter)
        else:
            self.waiters.append(waiter)
        return waiter

    async def landed(self) -> "Answer":
        """The answer, or the error that its load ended with."""
        making = current_making.get()
        if making is None:
            return await self.waiter()
        if self.leads_to(making):
            raise LoadError(f"{self.key} is read while it is loaded, by what its own loader reads.")
        making.waits_for.add(self)
        try:
            return await self.waiter()
        finally:
            making.waits_for.discard(self)

    def leads_to(self, making: Making) -> bool:
        """Whether this flight waits, through others, for what that loader makes: they would wait for ever."""
        seen: set[Flight] = set()
        waiting = [self]
        while waiting:
            flight = waiting.pop()
            if flight.making is making:
                return True
            if flight not in seen:
                seen.add(flight)
                waiting += flight.making.waits_for if flight.making else ()
        return False
