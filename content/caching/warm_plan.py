"""The plan of warming that loads an entry. The header of the entry carries it, so that reads can be counted by plan.

A mark is the number of the plan, and SPARES more if a reader who came instead would have waited: nothing was stored
that could be served.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum

from .executor import inherited_variables


class WarmPlan(IntEnum):
    """Numbers stay as they are: they stand in stored entries."""

    # Loaded by a reader, or for one who was served a stale value.
    NONE = 0
    # The entries that are read most.
    HOT = 1
    # The whole site.
    SITE = 2
    # A run that somebody asked for.
    RUN = 3
    # Entries that are loaded because a warmed page, or another warmed entry, is made of them.
    PARTS = 4

    @property
    def label(self) -> str:
        return self.name.lower()


# Labels of the plans that warm.
PLANS = tuple(plan.label for plan in WarmPlan if plan)
SPARES = 8

_current: ContextVar[WarmPlan] = ContextVar("warm_plan", default=WarmPlan.NONE)
inherited_variables.append(_current)


def current_plan() -> WarmPlan:
    return _current.get()


@contextmanager
def warm_under(plan: WarmPlan) -> Iterator[None]:
    """Loads of this block, and of the tasks and threads that it starts, are of that plan."""
    token = _current.set(plan)
    try:
        yield
    finally:
        _current.reset(token)


def mark_of(plan: WarmPlan, *, spares: bool) -> int:
    """`spares`: a reader would have waited for this load. 0 without a plan."""
    return plan + SPARES if plan and spares else int(plan)


def plan_of(mark: int) -> WarmPlan:
    """NONE for a number that no release writes."""
    number = mark & ~SPARES
    return WarmPlan(number) if 0 <= number <= max(WarmPlan) else WarmPlan.NONE


def is_wait_spared(mark: int) -> bool:
    return bool(mark & SPARES)
