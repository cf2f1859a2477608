"""Leases: the right to load a key, held across processes by a token (I2, I12).

A lease lapses by itself if its holder dies. A holder that lives renews it three times in that time. Stores under a
lease compare the token, so that a slow holder whose lease was given to another cannot store.

A process without readers, such as a worker, may be slow: a reader who wants what it loads takes its lease over.
"""

import asyncio
import itertools
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

from .read_counts import reads
from .tracing import open_span

Found = TypeVar("Found")

# Seconds between two attempts to get a lease that another holds.
FIRST_DELAY = 0.005
MAX_DELAY = 0.05

# Tokens: random ones of the process, and a number. To ask the system for a random one takes longer than a read.
_process = secrets.token_hex(8)
_numbers = itertools.count()
# A token begins with one of these, or with neither. For a reader, lua/lease.lua takes over a lease of the background.
READER, BACKGROUND = "!", "~"


def _renew_in_child() -> None:
    """A forked child has the names of its parent."""
    global _process
    _process = secrets.token_hex(8)


os.register_at_fork(after_in_child=_renew_in_child)


def rank_of_load(*, has_reader: bool) -> str:
    """How the token of a load's lease begins. `has_reader`: a caller of this process waits for the load."""
    if reads.is_excluded:
        return BACKGROUND
    return READER if has_reader else ""


class LeaseStore(Protocol):
    """A store of leases: Redis, a cache backend, or this process."""

    @property
    def answers_in_order(self) -> bool:
        """Whether questions of one turn of the event loop are answered in the order in which they were asked."""

    async def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[str]:
        """Those of the keys that are the token's now."""

    async def renew(self, key: str, token: str, seconds: float) -> bool: ...

    async def release(self, key: str, token: str) -> None: ...


class LeaseWait:
    """The span of a wait for leases: from the first attempt until the keys are ours, or need no load."""

    __slots__ = ("acquired", "attempts", "keys", "span")

    def __init__(self, keys: int) -> None:
        self.span = open_span("lease")
        self.keys, self.attempts, self.acquired = keys, 0, 0

    def note(self, acquired: Sequence[str], *, is_last: bool) -> None:
        self.attempts += 1
        self.acquired += len(acquired)
        if is_last:
            self.end()

    def end(self) -> None:
        span, self.span = self.span, None
        if span is not None:
            span.set("evergreen.keys", self.keys)
            span.set("evergreen.acquired", self.acquired)
            span.set("evergreen.attempts", self.attempts)
            span.end()


class Lease:
    """The leases of one token. `seconds`: how long one lasts unless it is renewed. `rank`: see `rank_of_load`."""

    def __init__(self, store: LeaseStore, seconds: float, rank: str = "") -> None:
        self.store = store
        self.seconds = seconds
        self.token = f"{rank}{_process}{next(_numbers):x}"

    async def take(self, keys: Sequence[str]) -> list[str]:
        """Return the keys whose lease is ours now."""
        return await self.store.lease(keys, self.token, self.seconds)

    async def acquire(self, keys: Sequence[str], look: Callable[[], Awaitable[Found]]) -> tuple[list[str], Found]:
        """Return the keys whose lease is ours now, and the result of `look`.

        In this order: the new holder of a lease sees what the last holder stored before it let go.
        """
        if self.store.answers_in_order:
            ours, found = await asyncio.gather(self.take(keys), look())
        else:
            ours, found = await self.take(keys), await look()
        return ours, found

    async def contend(
        self,
        keys: Sequence[str],
        look: Callable[[Sequence[str]], Awaitable[Found]],
        settle: Callable[[list[str], Found], Awaitable[Sequence[str]]],
        *,
        timeout: float,
    ) -> Sequence[str]:
        """Acquire and look until every key is settled or the timeout has passed. Return the keys that are left.

        `settle` takes the keys that are ours and what was found, and returns the keys to wait for.
        """
        loop, delay = asyncio.get_running_loop(), FIRST_DELAY
        deadline, wait = loop.time() + timeout, LeaseWait(len(keys))
        try:
            while True:
                acquired = await self.acquire(keys, lambda keys=keys: look(keys))  # type: ignore[misc]
                # The wait ends before `settle` loads.
                wait.note(acquired[0], is_last=len(acquired[0]) == len(keys))
                keys = await settle(*acquired)
                if not keys or loop.time() >= deadline:
                    return keys
                await asyncio.sleep(delay)
                delay = min(delay * 2, MAX_DELAY)
        finally:
            wait.end()

    @contextmanager
    def renewal(self, keys: Sequence[str]) -> Iterator[None]:
        """Renew the leases in the background while the block runs."""
        task = asyncio.ensure_future(self.renew(keys))
        try:
            yield
        finally:
            task.cancel()
            # A loop that is closed at once leaves it at that, and asyncio would log it.
            task._log_destroy_pending = False  # type: ignore[attr-defined]

    async def renew(self, keys: Sequence[str], *, until_lost: bool = False) -> None:
        """Renew for ever; with `until_lost` return when a lease is another's.

        Without it a lease that was not renewed is tried again: the store may only have been down.
        """
        while True:
            await asyncio.sleep(self.seconds / 3)
            renewed = await asyncio.gather(*(self.store.renew(key, self.token, self.seconds) for key in keys))
            if until_lost and not all(renewed):
                return

    async def release(self, keys: Sequence[str]) -> None:
        for key in keys:
            await self.store.release(key, self.token)
