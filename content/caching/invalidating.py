"""Invalidate and expire by tag: for code that knows what has changed and not who depends on it."""

from collections.abc import Iterable

from content.caching.log.ledger import Kind
from content.caching.registry import engine_of


async def invalidate(tags: Iterable[str], *, cache: str = "default", nonce: str | None = None) -> None:
    """What was loaded before this call and depends on one of the tags is not served again.

    Call it after the commit, with the tags of old and new state. Raises NotAppended when others could not be told:
    nothing of these tags is served as fresh here from then on, and it is sent again while this process lives.
    """
    await engine_of(cache).append(Kind.INVALIDATE, tags, nonce)


def invalidate_sync(tags: Iterable[str], *, cache: str = "default", nonce: str | None = None) -> None:
    """As invalidate."""
    engine_of(cache).append_sync(Kind.INVALIDATE, tags, nonce)


async def expire(tags: Iterable[str], *, cache: str = "default", nonce: str | None = None) -> None:
    """As invalidate, but what is there is served, as stale, until it was loaded again."""
    await engine_of(cache).append(Kind.EXPIRE, tags, nonce)


def expire_sync(tags: Iterable[str], *, cache: str = "default", nonce: str | None = None) -> None:
    engine_of(cache).append_sync(Kind.EXPIRE, tags, nonce)
