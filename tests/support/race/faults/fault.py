"""A fault: its servers, what it does to them, and what readers may notice."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from subprocess import Popen
from typing import Any

BEFORE, DURING, AFTER = 2.0, 3.0, 4.0


@dataclass
class Scene:
    """The servers of a race, its processes once they race, and the stack that ends the servers."""

    redis_url: str
    database_url: str
    stack: ExitStack
    processes: list[Popen[str]] = field(default_factory=list, kw_only=True)


@dataclass(frozen=True)
class Fault:
    """`happen` begins it on entering, and ends it on leaving. `during`: seconds from its beginning to its end.

    `by_log` is off where records are lost: positions of before and after are then of two logs, and each process is
    held to its own word alone. `one_load` where leases are granted, and nobody stops who holds one; `one_run`: the
    same of pages.
    """

    name: str
    stage: Callable[[ExitStack], Scene]
    happen: Callable[[Any], AbstractContextManager[None]]
    during: float = DURING
    by_log: bool = True
    one_load: bool = False
    one_run: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    own_options: tuple[dict[str, Any], ...] = ({}, {})

    @property
    def seconds(self) -> float:
        """The length of a race with the fault in the middle."""
        return BEFORE + self.during + AFTER


@contextmanager
def set_stage(fault: Fault) -> Iterator[Any]:
    with ExitStack() as stack:
        yield fault.stage(stack)


def sqlite(stack: ExitStack) -> str:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fault-"))
    return f"sqlite:///{folder}/race.sqlite3"
