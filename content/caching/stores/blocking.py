"""The shared tier for threads without an event loop: the same methods, which block and await nothing.

Their coroutines run to their end in one step (lasting_loop.run_inline), so that sync and async callers share the
code above them.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError

from .. import lua
from ..lasting_loop import call_soon
from .failsafe import Failsafe
from .shared import CacheTier, InlineTier, NullTier, RedisTier, SharedTier, milliseconds


class BlockingTier(SharedTier, Protocol):
    async def lookup_or_lease(
        self, keys: Sequence[str], token: str, seconds: float, *, always: bool
    ) -> tuple[dict[str, Any], list[str]]:
        """What is stored, and the keys whose lease the token has now: of those without an entry, `always` of all.

        The lookup of a key whose lease the token has now sees what the last holder stored (rule 19).
        """


def blocking_tier(tier: SharedTier) -> BlockingTier:
    if isinstance(tier, Failsafe):
        return BlockingFailsafe(tier)
    if isinstance(tier, RedisTier):
        return BlockingRedisTier(tier.alias)
    if isinstance(tier, CacheTier):
        return BlockingCacheTier(tier.alias)
    if isinstance(tier, NullTier):
        return BlockingNullTier()
    # A double of a test.
    return tier.blocking()  # type: ignore[attr-defined,no-any-return]


class _LookupAfterLease:
    """For tiers without a step that does both: first the leases, then the lookup."""

    async def lookup_or_lease(
        self: Any, keys: Sequence[str], token: str, seconds: float, *, always: bool
    ) -> tuple[dict[str, Any], list[str]]:
        found = {} if always else await self.lookup(keys)
        missing = [key for key in keys if key not in found]
        if not missing:
            return found, []
        ours = await self.lease(missing, token, seconds)
        return found | await self.lookup(missing), ours


class BlockingCacheTier(_LookupAfterLease, InlineTier):
    pass


class BlockingNullTier(_LookupAfterLease, NullTier):
    pass


class BlockingRedisTier(RedisTier):
    """By connections of its own, as many as there were threads that asked at once."""

    def __init__(self, alias: str) -> None:
        super().__init__(alias)
        server = self.cache.servers[0]
        self._client: Any = server.sync_client()
        self._pool: Any = None if server.cluster else self._client.connection_pool
        # Taken from the pool, which takes longer to ask than Redis does.
        self._free: list[Any] = []

    async def _execute(self, *command: Any) -> Any:
        return self._run(command)[0]

    async def lookup(self, keys: Sequence[str]) -> dict[str, Any]:
        full_key = self.cache.full_key
        return self._by_key(keys, self._run(*(("GET", full_key(key, None)) for key in keys)))

    async def lookup_or_lease(
        self, keys: Sequence[str], token: str, seconds: float, *, always: bool
    ) -> tuple[dict[str, Any], list[str]]:
        full_keys, end = [self.cache.full_key(key, None) for key in keys], milliseconds(seconds)
        answers = self._run(
            *(
                ("EVAL", lua.LOOKUP_OR_LEASE, 2, full_key, self._lease_key_of(full_key), token, end, int(always))
                for full_key in full_keys
            )
        )
        ours = [key for key, (_, is_ours) in zip(keys, answers, strict=True) if is_ours]
        return self._by_key(keys, [content for content, _ in answers]), ours

    def _run(self, *commands: tuple[Any, ...]) -> list[Any]:
        """In one round trip; in a cluster in one for each command. Raises RedisError."""
        if self._pool is None:
            return [self._client.execute_command(*command) for command in commands]
        connection = self._free.pop() if self._free else self._pool.get_connection()
        try:
            connection.send_packed_command([hiredis.pack_command(command) for command in commands])
            answers = [connection.read_response(disable_decoding=True) for _ in commands]
        except BaseException as error:
            # Its next answer might be to these commands.
            connection.disconnect()
            self._pool.release(connection)
            if not isinstance(error, RedisConnectionError):
                raise
            # Redis closes idle connections. The client tries others, as often as its options say.
            return [self._client.execute_command(*command) for command in commands]
        self._free.append(connection)
        return answers


class BlockingFailsafe(Failsafe):
    """With the breaker of a Failsafe, whose event loop does what is done in the background."""

    def __init__(self, failsafe: Failsafe) -> None:
        self.failsafe = failsafe
        self.answers_in_order = False
        self.breaker = failsafe.breaker
        self.in_doubt = failsafe.in_doubt
        self._tier, self._blocking = failsafe.tier, blocking_tier(failsafe.tier)

    @property
    def tier(self) -> BlockingTier:  # type: ignore[override]
        # Tests replace it.
        if self._tier is not self.failsafe.tier:
            self._tier, self._blocking = self.failsafe.tier, blocking_tier(self.failsafe.tier)
        return self._blocking

    async def lookup_or_lease(
        self, keys: Sequence[str], token: str, seconds: float, *, always: bool
    ) -> tuple[dict[str, Any], list[str]]:
        """While the tier is down every lease is granted."""
        got = await self.attempt(lambda: self.tier.lookup_or_lease(keys, token, seconds, always=always), None)
        if got is None:
            self._doubt(keys, token)
            return {}, list(keys)
        return got

    def _start_probe(self) -> None:
        call_soon(self.failsafe._start_probe)

    def _start_release(self) -> None:
        call_soon(self.failsafe._start_release)

    def _doubt(self, keys: Sequence[str], token: str) -> None:
        call_soon(self.failsafe._doubt, keys, token)

    def _warn(self, error: Exception) -> None:
        self.failsafe._warn(error)
