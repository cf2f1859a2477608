"""What the follower asks of a CDN."""

from collections.abc import Iterable
from typing import Protocol


class NotPurged(Exception):
    """The CDN did not confirm it. What it says can be logged: it has no token.

    `retry_after`: seconds, as the CDN has asked. `is_refused`: asked again in the same words it will say the same.
    """

    def __init__(self, reason: str, *, retry_after: float = 0.0, is_refused: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.is_refused = is_refused


class Cdn(Protocol):
    async def purge(self, tags: Iterable[str], *, soft: bool) -> None:
        """Returns when it has confirmed it, else raises NotPurged. Soft: what has these tags is stale from now on;
        where there is no such thing, gone."""

    async def purge_all(self) -> None: ...

    async def close(self) -> None: ...
