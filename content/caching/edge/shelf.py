"""Where pages are kept: the tiers, leases, tags and order of an engine."""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from content.caching.answer import Answer
from content.caching.edge.request import Request
from content.caching.edge.stored import Page, Stored
from content.caching.engine import Engine
from content.caching.entry import Entry, Header, Stamp, Verdict, pack
from content.caching.events import record
from content.caching.keys import bounded, resource_tag
from content.caching.log.ledger import Kind
from content.caching.policy import ZERO, Policy
from content.caching.shared import Found, lease_and_look
from content.caching.want import Want

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Stored).decode

MOST_TAGS = 1000
# What a page takes beside its body and its fields.
OVERHEAD = 600


class Kept:
    """What the engine asks of a kind of value. A page says itself for how long it is fresh."""

    name = "page"
    policy = Policy(ttl=ZERO, early=0, ahead=0)


KIND: Any = Kept()


class Held:
    """Something stored, with what the order of invalidations says of it."""

    __slots__ = ("answer", "header", "key", "stored", "tier", "verdict")

    def __init__(self, key: str, answer: Answer, tier: str) -> None:
        self.key = key
        self.answer = answer
        self.stored: Stored = answer.value
        self.header = answer.header
        self.verdict = answer.verdict
        self.tier = tier


class Shelf:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def is_heard(self) -> bool:
        """False while invalidations may have passed unnoticed: nothing counts as fresh then."""
        return self.engine.ordering.is_heard

    # --- finding --------------------------------------------------------------------------------------

    def remembered(self, key: str) -> Held | None:
        """From memory, unless it was invalidated or its time is up; no I/O."""
        answer = self.engine.recalled(key)
        return self.held(key, answer, "memory") if answer is not None else None

    async def found(self, key: str, *, again: bool = False) -> Held | None:
        """From memory, else from the shared tier, which memory has then as well. `again`: what memory has is not
        enough, if another process has made it anew."""
        known = self.remembered(key)
        if known is not None and not again:
            return known
        answer = (await self.engine.lookup([want_of(key)], again=again)).get(key)
        if answer is None or (known is not None and answer.header.made_at <= known.header.made_at):
            return known
        try:
            answer.value, answer.opened = decode(answer.value), True
        except msgspec.MsgspecError as error:
            record("unreadable", KIND.name, key, reason=str(error))
            return known
        self.engine.judge_again(answer)
        held = self.held(key, answer, "shared")
        if held is not None:
            self.engine.remember(want_of(key), answer, size_of(answer.value))
        return held

    def held(self, key: str, answer: Answer, tier: str) -> Held | None:
        if answer.verdict is Verdict.INVALID or self.engine.clock() >= answer.header.error_until:
            return None
        return Held(key, answer, tier)

    def still_holds(self, begun: Stamp | None, tags: tuple[str, ...]) -> bool:
        """Whether nothing has ended or expired what was begun there; taken to be so where only I/O could say."""
        ordering = self.engine.ordering
        if begun is None or not ordering.is_local:
            return begun is not None
        return ordering.judge_now(Header(0, 0, 0, 0, True, 0, tags, begun)) is Verdict.VALID

    # --- keeping --------------------------------------------------------------------------------------

    async def begin(self) -> Stamp | None:
        """Noted before the application is asked (rule 2)."""
        return await self.engine.ordering.begin()

    def covers(self, begun: Stamp | None) -> bool:
        """Whether what was begun there may answer who comes now (rule 16)."""
        return begun is None or self.engine.ordering.covers(begun)

    async def keep(
        self,
        key: str,
        stored: Stored,
        tags: Iterable[str],
        begun: Stamp | None,
        times: "Times",
        token: str | None = None,
    ) -> bool:
        """In both tiers, unless an invalidation has overtaken it, or the lease is somebody else's by now."""
        wanted = tuple(sorted(set(tags)))
        sealed = await self.engine.ordering.seal(begun, wanted) if begun is not None else None
        if sealed is None or len(wanted) > MOST_TAGS:
            reason = "too many tags" if sealed is not None else "overtaken by an invalidation"
            record("refused", KIND.name, key, reason=reason)
            return False
        header = Header(
            made_at=times.made_at,
            fresh_until=times.fresh_until,
            stale_until=times.stale_until,
            error_until=times.kept_until,
            there=True,
            cost=times.cost,
            tags=wanted,
            stamp=sealed,
        )
        left = times.kept_until - self.engine.clock()
        if left <= 0:
            return False
        shared = self.engine.shared
        if not await shared.store(key, pack(Entry(header, encode(stored))), left, token):
            # With the shared tier away a process keeps what it has made; without its lease it does not (I12).
            if await shared.holder(key) not in (None, token):
                return False
            if token is not None:
                # It may have been taken before the tier went away: nobody shall wait for it when that is back.
                await self.release(key, token)
        self.engine.remember(want_of(key), Answer(header, stored, opened=True), size_of(stored))
        record("store", KIND.name, key)
        return True

    async def invalidate(self, tags: Iterable[str]) -> None:
        await self.engine.append(Kind.INVALIDATE, tags)

    # --- leases ---------------------------------------------------------------------------------------

    def token(self) -> str:
        return secrets.token_hex(8)

    async def lease(self, key: str, token: str, look: Callable[[], Awaitable[Found]]) -> tuple[bool, Found]:
        """Whether it is the token's now, and then what `look` finds."""
        got, found = await lease_and_look(self.engine.shared, [key], token, self.engine.lease, look)
        return bool(got), found

    async def renew(self, key: str, token: str) -> None:
        await self.engine.shared.renew(key, token, self.engine.lease)

    async def release(self, key: str, token: str) -> None:
        await self.engine.shared.release(key, token)


class Times(msgspec.Struct, frozen=True):
    """Unix seconds; cost in seconds."""

    made_at: float
    fresh_until: float
    stale_until: float
    kept_until: float
    cost: float = 0.0


def tags_of_page(request: Request) -> tuple[str, ...]:
    """By which a page is purged: its URL, its path on any host, and all pages."""
    return request.key, path_tag(request.target), resource_tag(KIND.name)


def path_tag(target: str) -> str:
    """Of path and query, as the key has them."""
    return f"path:{bounded(target)}"


def want_of(key: str) -> Want:
    return Want(KIND, (), key)


def size_of(stored: Stored) -> int:
    if isinstance(stored, Page):
        return OVERHEAD + len(stored.body) + sum(len(name) + len(value) for name, value in stored.pairs)
    return OVERHEAD
