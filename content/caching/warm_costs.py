"""The cost of warming's loads in this process: processor time, database queries, seconds. Others are not measured.

Processor time is the process's. Loads that run at the same time share it evenly, so the sum is right and each share
is an estimate. Other work of the process during a load counts as well: the sum is a bound from above.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .executor import inherited_variables
from .metrics.events import measure
from .queries import count_queries
from .warm_plan import WarmPlan, current_plan, warm_under


class LoadCost:
    """The cost of one load. `others`: the queries of loads that began within it, which are charged apart."""

    __slots__ = ("cpu", "others")

    def __init__(self) -> None:
        self.cpu, self.others = 0.0, 0


class Processor:
    """Shares the process's time among the loads that run."""

    def __init__(self, clock: Callable[[], float] = time.process_time) -> None:
        self.clock = clock
        self.lock = threading.Lock()
        self.running: set[LoadCost] = set()
        self.seen = 0.0

    def begin(self, cost: LoadCost) -> None:
        with self.lock:
            self._share()
            self.running.add(cost)

    def end(self, cost: LoadCost) -> None:
        with self.lock:
            self._share()
            self.running.discard(cost)

    def _share(self) -> None:
        now = self.clock()
        for cost in self.running:
            cost.cpu += (now - self.seen) / len(self.running)
        self.seen = now


processor = Processor()
_current: ContextVar[LoadCost | None] = ContextVar("load_cost", default=None)
inherited_variables.append(_current)


@contextmanager
def charge_load(resource: str, loads: int = 1) -> Iterator[None]:
    """Measure the block, which loads so many entries of the resource, if a plan of warming has begun it.

    Other entries that the block loads are charged to the plan PARTS.
    """
    plan = current_plan()
    if not plan:
        yield
        return
    cost, outer, began = LoadCost(), _current.get(), time.perf_counter()
    token = _current.set(cost)
    processor.begin(cost)
    try:
        with warm_under(WarmPlan.PARTS), count_queries() as queries:
            yield
    finally:
        processor.end(cost)
        _current.reset(token)
        if outer is not None:
            outer.others += queries.count
        for what, amount in (
            ("warm_loads", loads),
            ("warm_queries", queries.count - cost.others),
            ("warm_cpu_seconds", cost.cpu),
            ("warm_load_seconds", time.perf_counter() - began),
        ):
            measure(what, resource, amount, plan.label)
