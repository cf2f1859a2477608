import functools
import logging
import secrets
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.core.cache import cache

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


def leased(name: str, *, seconds: int) -> Callable[[Callable[P, T]], Callable[P, T | None]]:
    """Run at most one of these at a time: beat may run twice, and a run may outlast its interval.

    The lease ends with the run, or after `seconds` if its holder died. Without a cache to ask, it runs.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T | None]:
        @functools.wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> T | None:
            token = secrets.token_hex(8)
            if not taken(f"lease:{name}", token, seconds):
                logger.info("%s runs elsewhere", name)
                return None
            try:
                return function(*args, **kwargs)
            finally:
                given_back(f"lease:{name}", token)

        return wrapped

    return decorate


def taken(key: str, token: str, seconds: int) -> bool:
    try:
        return bool(cache.add(key, token, timeout=seconds))
    except Exception as error:
        logger.warning("no lease without a cache, running all the same: %s", error)
        return True


def given_back(key: str, token: str) -> None:
    """Not one that somebody else holds by now."""
    try:
        if cache.get(key) == token:
            cache.delete(key)
    except Exception as error:
        logger.warning("a lease is left to its end: %s", error)
