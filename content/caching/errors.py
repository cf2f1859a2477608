from collections.abc import Iterable
from datetime import datetime


class CacheError(Exception):
    """What the engine raises: never a cache that failed, which readers do not feel."""


class NotThere(CacheError):
    """The answer "no such thing". A loader raises it; it is cached for the policy's negative_ttl.

    `until` ends the answer earlier (a post that is scheduled, say); `tags` are what else it depends on,
    beside the resource's own tags for these parameters.
    """

    def __init__(self, what: str = "not there", *, until: datetime | None = None, tags: Iterable[str] = ()) -> None:
        super().__init__(what)
        self.until = until
        self.tags = tuple(tags)


class TooManyTags(CacheError):
    """An entry may depend on a bounded number of tags: give the set a tag of its own."""


class LoadError(CacheError):
    """A loader broke its contract: the message says which and how."""
