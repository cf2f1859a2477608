"""A way of writing: its name, the write, and what readers see of it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.flows.scene import Scene, Shows, nothing

Write = Callable[[Scene], object]
VENDORS = ("sqlite", "postgresql")


@dataclass(frozen=True)
class WayOfWriting:
    """`is_own`: the process that writes sees it at its next read. `is_timed`: the clock does it; no delay counts."""

    name: str
    write: Write
    shows: Shows
    prepare: Write | None
    is_own: bool
    is_timed: bool
    vendors: tuple[str, ...]

    @property
    def is_silent(self) -> bool:
        """No cached entry may end."""
        return self.shows is nothing


WAYS: dict[str, WayOfWriting] = {}


def way(
    name: str,
    shows: Shows,
    *,
    prepare: Write | None = None,
    own: bool = True,
    timed: bool = False,
    vendors: tuple[str, ...] = VENDORS,
) -> Callable[[Write], Write]:
    def register(write: Write) -> Write:
        assert name not in WAYS
        WAYS[name] = WayOfWriting(name, write, shows, prepare, own, timed, vendors)
        return write

    return register
