"""The shared tier for threads without an event loop: the same methods, which block and await nothing.

Their coroutines run to their end in one step (lasting_loop.run_inline), so that sync and async callers share the
code above them.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError

from .. import lua
from ..entry import compress_value, decompress_value
from ..lasting_loop import call_soon, run_inline
from .failsafe import Failsafe
from .shared import CacheTier, InlineTier, NullTier, RedisTier, SharedTier, milliseconds

# Keys of which a tier remembers the names in Redis.
MAX_KNOWN_NAMES = 10_000


class BlockingTier(SharedTier, Protocol):
    async def lookup_or_lease(
        self, keys: Sequence[str], token: str, seconds: float, *, always: bool
    ) -> tuple[dict[str, Any], list[str]]:
        """The stored contents, and the keys whose lease is the token's now: those without an entry, or `always` all.

        The lookup of a key whose lease the token has now sees what the last holder stored (rule 19).
        """

    def look(self, key: str, token: str, seconds: float, *, always: bool) -> tuple[Any, bool]:
        """Like lookup_or_lease, for one key: its content or None, and whether the lease is the token's now."""


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
    """Take the leases, then look up. For tiers that cannot do both in one step."""

    async def lookup_or_lease(
        self: Any, keys: Sequence[str], token: str, seconds: float, *, always: bool
    ) -> tuple[dict[str, Any], list[str]]:
        found = {} if always else await self.lookup(keys)
        missing = [key for key in keys if key not in found]
        if not missing:
            return found, []
        ours = await self.lease(missing, token, seconds)
        return found | await self.lookup(missing), ours

    def look(self: Any, key: str, token: str, seconds: float, *, always: bool) -> tuple[Any, bool]:
        return _look(self, key, token, seconds, always=always)


def _look(tier: BlockingTier, key: str, token: str, seconds: float, *, always: bool) -> tuple[Any, bool]:
    found, ours = run_inline(tier.lookup_or_lease((key,), token, seconds, always=always))
    return found.get(key), bool(ours)


class BlockingCacheTier(_LookupAfterLease, InlineTier):
    pass


class BlockingNullTier(_LookupAfterLease, NullTier):
    pass


class _Names(NamedTuple):
    """The names of one key in Redis."""

    entry: str
    lease: str


class BlockingRedisTier(RedisTier):
    """A tier in Redis, with connections of its own: as many as there were threads that asked at once."""

    def __init__(self, alias: str) -> None:
        super().__init__(alias)
        server = self.cache.servers[0]
        self._client: Any = server.sync_client()
        self._pool: Any = None if server.cluster else self._client.connection_pool
        # Taken from the pool, which takes longer to ask than Redis does.
        self._free: list[Any] = []
        self._names: dict[str, _Names] = {}

    def _names_of(self, key: str) -> _Names:
        names = self._names.get(key)
        if names is None:
            if len(self._names) >= MAX_KNOWN_NAMES:
                self._names.clear()
            full_key = self.cache.full_key(key, None)
            names = self._names[key] = _Names(full_key, self._lease_key_of(full_key))
        return names

    async def _execute(self, *command: Any) -> Any:
        return self._run(command)[0]

    async def lookup(self, keys: Sequence[str]) -> dict[str, Any]:
        return self._by_key(keys, self._run(*(("GET", self._names_of(key).entry) for key in keys)))

    async def lookup_or_lease(
        self, keys: Sequence[str], token: str, seconds: float, *, always: bool
    ) -> tuple[dict[str, Any], list[str]]:
        answers = self._run(*(self._question(key, token, seconds, always=always) for key in keys))
        contents, are_ours = zip(*map(_content_and_lease, answers), strict=True)
        ours = [key for key, is_ours in zip(keys, are_ours, strict=True) if is_ours]
        return self._by_key(keys, contents), ours

    def look(self, key: str, token: str, seconds: float, *, always: bool) -> tuple[Any, bool]:
        [answer] = self._run(self._question(key, token, seconds, always=always))
        content, is_ours = _content_and_lease(answer)
        return (None if content is None else decompress_value(content, self.cache.decompress)), is_ours

    def _question(self, key: str, token: str, seconds: float, *, always: bool) -> tuple[Any, ...]:
        entry, lease = self._names_of(key)
        return "EVALSHA", _LOOKUP_OR_LEASE, 2, entry, lease, token, milliseconds(seconds), "1" if always else "0"

    async def store(self, key: str, content: bytes, seconds: float, token: str | None) -> bool:
        if token is None:
            return await super().store(key, content, seconds, token)
        entry, lease = self._names_of(key)
        packed = compress_value(content, self.cache.compress)
        [answer] = self._run(("EVALSHA", _STORE, 2, entry, lease, token, packed, milliseconds(seconds)))
        return bool(answer)

    def _run(self, *commands: tuple[Any, ...]) -> list[Any]:
        """Run the commands in one round trip; in a cluster in one for each. Raises RedisError."""
        if self._pool is None:
            return [self._run_in_cluster(command) for command in commands]
        try:
            connection = self._free.pop()
        except IndexError:
            connection = self._pool.get_connection()
        answers: list[Any] = []
        try:
            connection.send_packed_command([hiredis.pack_command(command) for command in commands])
            for _ in commands:
                try:
                    answers.append(connection.read_response(disable_decoding=True))
                except NoScriptError:
                    answers.append(NoScriptError)
        except BaseException as error:
            # Its next answer might be to these commands.
            connection.disconnect()
            self._pool.release(connection)
            if not isinstance(error, RedisConnectionError):
                raise
            # Redis closes idle connections. The client tries others, as often as its options say.
            return [self._run_in_cluster(command) for command in commands]
        self._free.append(connection)
        if NoScriptError in answers:
            return [
                self._run(lua.with_text(command))[0] if answer is NoScriptError else answer
                for command, answer in zip(commands, answers, strict=True)
            ]
        return answers

    def _run_in_cluster(self, command: tuple[Any, ...]) -> Any:
        try:
            return self._client.execute_command(*command)
        except NoScriptError:
            return self._client.execute_command(*lua.with_text(command))


_LOOKUP_OR_LEASE, _STORE = (lua.DIGESTS[script] for script in (lua.LOOKUP_OR_LEASE, lua.STORE))


def _content_and_lease(answer: Any) -> tuple[bytes | None, bool]:
    """Parse the reply of lua/lookup_or_lease.lua."""
    if type(answer) is bytes:
        return answer, False
    if type(answer) is list:
        return answer[0], bool(answer[1])
    return None, bool(answer)


class BlockingFailsafe(Failsafe):
    """A tier with the breaker of a Failsafe, whose event loop does the work in the background."""

    def __init__(self, failsafe: Failsafe) -> None:
        self.failsafe = failsafe
        self.answers_in_order = self.replaces_in_place = False
        self.breaker = failsafe.breaker
        self.in_doubt = failsafe.in_doubt
        self._use(failsafe.tier)

    def _use(self, tier: SharedTier) -> None:
        self._tier, self._blocking = tier, blocking_tier(tier)

    @property
    def tier(self) -> BlockingTier:  # type: ignore[override]
        # Tests replace it.
        if self._tier is not self.failsafe.tier:
            self._use(self.failsafe.tier)
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

    def look(self, key: str, token: str, seconds: float, *, always: bool) -> tuple[Any, bool]:
        tier, breaker = self.tier, self.breaker
        if breaker.is_open:
            if breaker.may_probe():
                self._start_probe()
        else:
            try:
                # A double of a test has async methods alone.
                look = tier.look if isinstance(tier, BlockingRedisTier) else partial(_look, tier)
                answer = look(key, token, seconds, always=always)
            except Exception as error:
                self._note_failure(error)
            else:
                if breaker.failures:
                    breaker.record_success()
                if self.in_doubt:
                    self._start_release()
                return answer
        self._doubt((key,), token)
        return None, True

    def _start_probe(self) -> None:
        call_soon(self.failsafe._start_probe)

    def _start_release(self) -> None:
        call_soon(self.failsafe._start_release)

    def _doubt(self, keys: Sequence[str], token: str) -> None:
        call_soon(self.failsafe._doubt, keys, token)

    def _warn(self, error: Exception) -> None:
        self.failsafe._warn(error)
