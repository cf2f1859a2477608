"""Call the loader that a user declares: a function or a coroutine, with the value that was stored before."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from asgiref.sync import iscoroutinefunction, sync_to_async

from . import lasting_loop
from .errors import NotThere

T = TypeVar("T")


class LoaderResult(Generic[T]):
    """The result of a loader: a value, or the NotThere that it raised."""

    __slots__ = ("absence", "value")

    def __init__(self, value: T | None = None, absence: NotThere | None = None) -> None:
        self.value = value
        self.absence = absence

    def get(self) -> T:
        """The value. Raises NotThere."""
        if self.absence is not None:
            raise self.absence
        return self.value  # type: ignore[return-value]


# The value that was stored before the running loader, which may find it unchanged.
previous_value: ContextVar[Any] = ContextVar("previous_value", default=None)


def previous() -> Any:
    """Return the value that was stored last, or None.

    A loader calls it, and raises NotModified to keep that value.
    """
    return previous_value.get()


async def call_loader(load: Callable[..., Any], *arguments: Any) -> Any:
    """Call a loader. A `def` runs in this thread if that has no event loop, else in a thread for the ORM."""
    if asyncio._get_running_loop() is not None:
        if iscoroutinefunction(load):
            return await load(*arguments)
        result = await sync_to_async(load)(*arguments)
        return await result if inspect.isawaitable(result) else result
    result = load(*arguments)
    # The result is a coroutine if a function that is not `async def` returns one.
    return lasting_loop.run(_await(result)) if inspect.isawaitable(result) else result


async def _await(result: Awaitable[T]) -> T:
    return await result
