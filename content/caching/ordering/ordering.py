"""The order of loads and invalidations, by which an entry is judged. Two kinds: the log, and tag counters."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from ..entry import Header, Position, Stamp, Verdict
from .tag_index import Kind


class Ordering(Protocol):
    """The order of loads and invalidations, as the engine needs it."""

    @property
    def is_local(self) -> bool:
        """Whether verdicts cost no I/O, so that a memory tier pays."""

    @property
    def version(self) -> int:
        """Grows when a verdict may have changed; a verdict holds while it stays. For local ones."""

    async def begin(self) -> Stamp | None:
        """The stamp from before a load. None: the loaded value may be returned, but not stored."""

    async def seal(self, begun: Stamp, tags: Sequence[str]) -> Stamp | None:
        """The stamp of an entry with these tags; None if an invalidation may have overtaken its load."""

    async def judge(self, headers: Sequence[Header]) -> list[Verdict]: ...

    def judge_now(self, header: Header) -> Verdict:
        """For local ones."""

    def covers(self, begun: Stamp) -> bool:
        """Whether a load that began there saw all that a reader who comes now must see."""

    @property
    def is_heard(self) -> bool:
        """False while invalidations may have passed unnoticed: nothing counts as fresh then."""

    async def catch_up_to(self, position: Position) -> None:
        """A load that begins now shall see what was appended up to there; waits a bounded time for it."""

    async def append(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None: ...

    def append_sync(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None: ...
