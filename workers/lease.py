import functools
import logging
import secrets
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.core.cache import cache

from content.caching.release import release_digest

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


def with_lease(
    name: str, *, seconds: int, by_release: bool = False
) -> Callable[[Callable[P, T]], Callable[P, T | None]]:
    """At most one call runs at a time, with `by_release` one of each release: beat may run twice, or a call be late.

    The lease ends with the call, or after `seconds` if its process died. Without a cache, each call runs.
    """
    key = f"lease:{name}:{release_digest()}" if by_release else f"lease:{name}"

    def decorate(function: Callable[P, T]) -> Callable[P, T | None]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T | None:
            token = secrets.token_hex(8)
            if not acquire(key, token, seconds):
                logger.info("Skipped %s: another worker runs it.", name)
                return None
            try:
                return function(*args, **kwargs)
            finally:
                release(key, token)

        return call

    return decorate


def acquire(key: str, token: str, seconds: int) -> bool:
    try:
        return bool(cache.add(key, token, timeout=seconds))
    except Exception as error:
        logger.warning("The cache does not answer, so the task runs without a lease: %s", error)
        return True


def release(key: str, token: str) -> None:
    """Leaves a lease that another call holds by now."""
    try:
        if cache.get(key) == token:
            cache.delete(key)
    except Exception as error:
        logger.warning("A lease could not be released, and ends by its timeout: %s", error)
