import functools
import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from django.core.cache import cache

from content.caching.release import release_digest

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)

# A lease ends this long after its process has died. One that lives renews it three times in that time.
SECONDS = 10


def with_lease(
    name: str, *, seconds: int = SECONDS, by_release: bool = False
) -> Callable[[Callable[P, T]], Callable[P, T | None]]:
    """Let one call run at a time, with `by_release` one of each release: beat may run twice, or a call be late.

    The lease ends with the call, or `seconds` after its process has died. Without a cache, each call runs.
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
                with renewal(key, token, seconds):
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


@contextmanager
def renewal(key: str, token: str, seconds: int) -> Iterator[None]:
    """Renew the lease in a thread while the block runs."""
    is_done = threading.Event()
    thread = threading.Thread(
        target=keep_renewed, args=(key, token, seconds, is_done), name=f"renew {key}", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        is_done.set()
        thread.join()


def keep_renewed(key: str, token: str, seconds: int, is_done: threading.Event) -> None:
    """Renew until the call is done. A lease that another call holds by now is left alone."""
    while not is_done.wait(seconds / 3):
        try:
            if cache.get(key) == token:
                cache.touch(key, timeout=seconds)
        except Exception as error:
            logger.warning("A lease could not be renewed; retrying: %s", error)


def release(key: str, token: str) -> None:
    """Leaves a lease that another call holds by now."""
    try:
        if cache.get(key) == token:
            cache.delete(key)
    except Exception as error:
        logger.warning("A lease could not be released, and ends by its timeout: %s", error)
