"""The data that a test's loader reads, with a record of its loads and a gate that makes them wait."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any


class Source:
    """`value`: of each key that has none in `values`. `error`: raised by loads. `during`: awaited by each load.

    A load reads its value when it begins. It misses a value that the test writes while `hold` makes it wait.
    """

    new_event: Callable[[], Any] = asyncio.Event

    def __init__(self, value: Any = None) -> None:
        self.value = value
        self.values: dict[Any, Any] = {}
        self.error: BaseException | None = None
        self.during: Callable[[], Awaitable[None]] | None = None
        self.loads: list[Any] = []
        self.threads: list[int] = []
        self.gate, self.loading = self.new_event(), self.new_event()
        self.gate.set()

    @property
    def count(self) -> int:
        return len(self.loads)

    def hold(self) -> None:
        """Make loads wait. `loading` is set when the next one begins."""
        self.gate.clear()
        self.loading.clear()

    def release(self) -> None:
        self.gate.set()

    async def load(self, key: Any = None) -> Any:
        value, error = self.begin(key)
        if self.during is not None:
            await self.during()
        await self.gate.wait()
        if error:
            raise error
        return value

    def begin(self, key: Any) -> tuple[Any, BaseException | None]:
        self.loads.append(key)
        self.threads.append(threading.get_ident())
        self.loading.set()
        return self.values.get(key, self.value), self.error


class ThreadSource(Source):
    """For loaders that run in threads."""

    new_event = threading.Event

    def load_sync(self, key: Any = None) -> Any:
        value, error = self.begin(key)
        assert self.gate.wait(60)
        if error:
            raise error
        return value
