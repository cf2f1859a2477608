"""The shared tier behind a circuit breaker: an error is logged, and reads as if nothing were stored (I5).

A server that does not answer is left alone for a while, and then probed.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from redis.exceptions import TimeoutError as RedisTimeoutError

from ..backends.client import is_wrong_type
from .shared import SharedTier

Result = TypeVar("Result")

logger = logging.getLogger("content.caching")

SECONDS_BETWEEN_WARNINGS = 10.0
MAX_IN_DOUBT = 1000
SECONDS_BETWEEN_RELEASES = 0.25
# A key that nobody has.
PROBE = "probe"

FAILURES = 3
FIRST_REST = 0.5
LONGEST_REST = 1.0


class Breaker:
    """Closed: all go through. Open: none, until a probe has worked.

    It opens after three failures in a row, or after one timeout: a reader waits for one, and for no more.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.failures = 0
        self.rest = FIRST_REST
        self.open_until = float("-inf")

    @property
    def is_open(self) -> bool:
        return self.failures >= FAILURES

    def may_probe(self) -> bool:
        """Whether its rest has ended. True for one caller a rest, the first."""
        if not self.is_open or self.clock() < self.open_until:
            return False
        self.open_until = self.clock() + self.rest
        return True

    def record_success(self) -> None:
        self.failures, self.rest, self.open_until = 0, FIRST_REST, float("-inf")

    def record_failure(self, *, timed_out: bool = False) -> None:
        self.failures = max(self.failures + 1, FAILURES if timed_out else 0)
        if self.failures > FAILURES:
            self.rest = min(self.rest * 2, LONGEST_REST)
        if self.failures >= FAILURES:
            self.open_until = self.clock() + self.rest


class Failsafe:
    """A SharedTier that never raises. While the tier is down every lease is granted: each process then loads a key at
    most once at a time (I2)."""

    def __init__(self, tier: SharedTier, alias: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.tier = tier
        self.answers_in_order = tier.answers_in_order
        self.replaces_in_place = tier.replaces_in_place
        self.alias = alias
        self.clock = clock
        self.breaker = Breaker(clock)
        self.warned_at = float("-inf")
        # Tasks in the background: probes, and releases of leases in doubt.
        self.tasks: set[asyncio.Task[None]] = set()
        # Key and token of leases that the tier may have granted although the answer was lost.
        self.in_doubt: dict[tuple[str, str], None] = {}
        self.released_at = float("-inf")
        self.rounds: asyncio.Task[None] | None = None

    async def lookup(self, keys: Sequence[str]) -> dict[str, Any]:
        return await self.attempt(lambda: self.tier.lookup(keys), {})

    async def read_beginnings(self, keys: Sequence[str], size: int) -> dict[str, tuple[Any, int]] | None:
        return await self.attempt(lambda: self.tier.read_beginnings(keys, size), None)

    async def replace(self, key: str, old: bytes, new: bytes) -> bool:
        return await self.attempt(lambda: self.tier.replace(key, old, new), False)

    async def store(self, key: str, content: bytes, seconds: float, token: str | None) -> bool:
        return await self.attempt(lambda: self.tier.store(key, content, seconds, token), False)

    async def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[str]:
        got = await self.attempt(lambda: self.tier.lease(keys, token, seconds), None)
        if got is None:
            self._doubt(keys, token)
            return list(keys)
        return got

    async def renew(self, key: str, token: str, seconds: float) -> bool:
        return await self.attempt(lambda: self.tier.renew(key, token, seconds), False)

    async def release(self, key: str, token: str) -> None:
        if not await self.attempt(lambda: self._release(key, token), False):
            self._doubt((key,), token)

    async def _release(self, key: str, token: str) -> bool:
        await self.tier.release(key, token)
        return True

    async def holder(self, key: str) -> str | None:
        return await self.attempt(lambda: self.tier.holder(key), None)

    async def evict(self, key: str) -> None:
        await self.attempt(lambda: self.tier.evict(key), None)

    async def numbers(self, keys: Iterable[str]) -> dict[str, int]:
        return await self.attempt(lambda: self.tier.numbers(keys), {})

    async def add_number(self, key: str, value: int) -> None:
        await self.attempt(lambda: self.tier.add_number(key, value), None)

    async def attempt(self, operation: Callable[[], Awaitable[Result]], fallback: Result) -> Result:
        if self.breaker.is_open:
            if self.breaker.may_probe():
                self._start_probe()
            return fallback
        try:
            answer = await operation()
        except Exception as error:
            self._note_failure(error)
            return fallback
        self.breaker.record_success()
        if self.in_doubt:
            self._start_release()
        return answer

    def _note_failure(self, error: Exception) -> None:
        # A key of another type says nothing about the server.
        if not is_wrong_type(error):
            self.breaker.record_failure(timed_out=isinstance(error, TimeoutError | RedisTimeoutError))
        self._warn(error)

    def _start_probe(self) -> None:
        """Probe the tier in the background: no reader waits to find out whether it is still down."""
        self._start(self._probe())

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def _probe(self) -> None:
        try:
            await self.tier.holder(PROBE)
        except Exception as error:
            self.breaker.record_failure()
            self._warn(error)
            return
        self.breaker.record_success()
        await self._release_doubtful()

    # --- leases in doubt ------------------------------------------------------------------------------

    def _doubt(self, keys: Sequence[str], token: str) -> None:
        """Whether the tier granted them is not known: a stopped server handles what it was sent when it goes on.

        The first MAX_IN_DOUBT are remembered; later ones were not even sent.
        """
        for key in keys:
            if len(self.in_doubt) < MAX_IN_DOUBT:
                self.in_doubt[key, token] = None
        if self.rounds is None or self.rounds.done():
            self.rounds = self._start(self._release_in_rounds())

    async def _release_in_rounds(self) -> None:
        """Even without readers here: readers of other processes may wait for these leases."""
        while self.in_doubt:
            await asyncio.sleep(SECONDS_BETWEEN_RELEASES)
            await self._release_doubtful()

    def _start_release(self) -> None:
        if self.clock() - self.released_at >= SECONDS_BETWEEN_RELEASES:
            self.released_at = self.clock()
            self._start(self._release_doubtful())

    async def _release_doubtful(self) -> None:
        for key, token in list(self.in_doubt):
            try:
                await self.tier.release(key, token)
            except Exception:
                return
            self.in_doubt.pop((key, token), None)

    def _warn(self, error: Exception) -> None:
        """Log it, but not for every request of an outage."""
        if self.clock() - self.warned_at >= SECONDS_BETWEEN_WARNINGS:
            self.warned_at = self.clock()
            logger.warning("cache %r does not answer, reading without it: %s", self.alias, error)
