"""A load under way in this process, shared by all who want its key."""

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING

from content.caching.entry import Stamp
from content.caching.errors import LoadError

if TYPE_CHECKING:
    from content.caching.answer import Answer


class Making:
    """One run of a loader, for one key or many, and the flights that it waits for."""

    def __init__(self) -> None:
        self.waits_for: set[Flight] = set()


# The run of a loader that this code is part of.
current_making: ContextVar[Making | None] = ContextVar("current_making", default=None)


class Flight:
    """From the lookup of one key to its answer. `stamp` is where its load began, None until it does."""

    __slots__ = ("answer", "key", "making", "stamp")

    def __init__(self, key: str, loop: asyncio.AbstractEventLoop) -> None:
        self.key = key
        self.answer: asyncio.Future[Answer] = loop.create_future()
        self.answer.add_done_callback(looked_at)
        self.making: Making | None = None
        self.stamp: Stamp | None = None

    def land(self, answer: "Answer") -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def crash(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    async def landed(self) -> "Answer":
        """The answer. Whoever is cancelled while waiting cancels nobody else (I11)."""
        making = current_making.get()
        if making is None:
            return await asyncio.shield(self.answer)
        if self.leads_to(making):
            raise LoadError(f"{self.key} is read while it is loaded, by what its own loader reads.")
        making.waits_for.add(self)
        try:
            return await asyncio.shield(self.answer)
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


def looked_at(answer: "asyncio.Future[Answer]") -> None:
    """An error that all who asked have left is no news to anybody."""
    if not answer.cancelled():
        answer.exception()
