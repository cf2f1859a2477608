import reprlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any


class CacheError(Exception):
    """Base class. The engine raises none for a cache that failed: readers are served without it."""


class NotThere(CacheError):
    """The answer "no such thing". A loader raises it; it is cached for the policy's negative_ttl.

    Django's ObjectDoesNotExist, such as `Post.DoesNotExist`, is the same answer when a loader raises it. Readers get
    NotThere in each case. Its `__cause__` is what the loader raised, if it was called for this read.

    `until` ends the answer earlier (a post that is scheduled, say); `tags` are what else it depends on,
    beside the resource's own tags for these parameters.
    """

    def __init__(self, what: str = "not there", *, until: datetime | None = None, tags: Iterable[str] = ()) -> None:
        super().__init__(what)
        if isinstance(tags, str | bytes):
            raise TypeError(
                f"NotThere: its tags are {shown(tags)}, and each character would be a tag. Give a list, as in "
                f"NotThere(tags=[{shown(tags)}]); a tuple of one tag ends in a comma."
            )
        self.until = until
        self.tags = tuple(tags)

    def with_cause(self, cause: BaseException) -> "NotThere":
        self.__cause__ = cause
        return self


class LoadError(CacheError):
    """A loader broke its contract: the message says which and how."""


class NotAppended(CacheError):
    """An invalidation that did not reach the log. Readers of this process are safe already; others are not yet."""


class Overloaded(CacheError):
    """More loads or waiters than the stated bound: tell the reader 503, to come back after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LoadTimeout(CacheError):
    """A loader that took longer than the policy's hard timeout, with nothing older to serve.

    A TimeoutError that the loader itself raises reaches the reader as it is.
    """


class NotModified(Exception):
    """A loader raises it when what `previous()` holds is still right: the value stays, its times begin anew."""


class Unreadable(Exception):
    """Bytes from a shared store that this release cannot read: damaged, foreign, or of another format. A miss."""


_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80


def shown(value: Any) -> str:
    """A value as text for a message, shortened."""
    return _short.repr(value)
