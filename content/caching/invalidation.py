"""Invalidate and expire by tag, for code that knows what has changed, but not which entries depend on it.

`cache` names one alias. Without it the tags are appended for every alias in use, once for aliases that share a log.
An error for one alias does not keep the tags from the others.
"""

from collections.abc import Iterable

from django.conf import settings

from .declarations import cache_aliases
from .engines import engine_of
from .errors import CacheError
from .key import check_tags
from .ordering.ordering import LogOrdering, Ordering
from .ordering.tag_index import Kind


async def invalidate(tags: Iterable[str], *, cache: str | None = None, nonce: str | None = None) -> None:
    """Never serve again what was loaded before this call and depends on one of the tags.

    Call it after the commit, with the tags of the old and the new state. Raises NotAppended if other processes could
    not be reached. This process then serves nothing with these tags as fresh, and retries while it lives. Raises
    TypeError and ValueError for tags that are no list of strings, before anything is written.
    """
    await _append(Kind.INVALIDATE, tags, cache, nonce)


def invalidate_sync(tags: Iterable[str], *, cache: str | None = None, nonce: str | None = None) -> None:
    """The same as `invalidate`, in a thread without an event loop."""
    _append_sync(Kind.INVALIDATE, tags, cache, nonce)


async def expire(tags: Iterable[str], *, cache: str | None = None, nonce: str | None = None) -> None:
    """Like invalidate, but stored values are served, as stale, until they are loaded again."""
    await _append(Kind.EXPIRE, tags, cache, nonce)


def expire_sync(tags: Iterable[str], *, cache: str | None = None, nonce: str | None = None) -> None:
    _append_sync(Kind.EXPIRE, tags, cache, nonce)


async def _append(kind: Kind, tags: Iterable[str], cache: str | None, nonce: str | None) -> None:
    wanted, failed = check_tags(tags), None
    for ordering in orderings(cache):
        try:
            await ordering.append(kind, wanted, nonce)
        except CacheError as error:
            failed = failed or error
    if failed is not None:
        raise failed


def _append_sync(kind: Kind, tags: Iterable[str], cache: str | None, nonce: str | None) -> None:
    wanted, failed = check_tags(tags), None
    for ordering in orderings(cache):
        try:
            ordering.append_sync(kind, wanted, nonce)
        except CacheError as error:
            failed = failed or error
    if failed is not None:
        raise failed


def orderings(cache: str | None) -> list[Ordering]:
    """One for each log; the default cache's first, since most readers use it."""
    if cache is not None:
        return [engine_of(cache).ordering]
    known = sorted(cache_aliases() & set(settings.CACHES), key=lambda alias: (alias != "default", alias))
    found = [engine_of(alias).ordering for alias in known]
    return list({id(each.log) if isinstance(each, LogOrdering) else id(each): each for each in found}.values())
