"""What loads of warming cost this process: processor time, database queries, seconds. Others are not measured.

Processor time is the process's. Loads that run at the same time share it evenly, so the sum is right and each share
is an estimate. What the process does besides while a load runs counts as well: it is a bound from above.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from .metrics.events import measure
from .warm_plan import WarmPlan, current_plan, warm_under


class LoadCost:
    __slots__ = ("cpu", "queries")

    def __init__(self) -> None:
        self.cpu, self.queries = 0.0, 0


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


@contextmanager
def charge_load(resource: str, loads: int = 1) -> Iterator[None]:
    """Measure the block, which loads so many entries of the resource, if a plan of warming has begun it.

    What the block loads besides is of the plan PARTS, and charged apart.
    """
    plan = current_plan()
    if not plan:
        yield
        return
    cost, began = LoadCost(), time.perf_counter()
    token = _current.set(cost)
    processor.begin(cost)
    try:
        with warm_under(WarmPlan.PARTS):
            yield
    finally:
        processor.end(cost)
        _current.reset(token)
        for what, amount in (
            ("warm_loads", loads),
            ("warm_queries", cost.queries),
            ("warm_cpu_seconds", cost.cpu),
            ("warm_load_seconds", time.perf_counter() - began),
        ):
            measure(what, resource, amount, plan.label)


def watch_connections() -> None:
    """Called once, at start: each connection counts its statements for the load that uses it."""
    connection_created.connect(_watch, dispatch_uid="content.caching.warm_costs")
    for connection in connections.all(initialized_only=True):
        _watch(connection=connection)


def _watch(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if _count_statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(_count_statement)


def _count_statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    if (cost := _current.get()) is not None:
        cost.queries += 1
    return execute(sql, params, many, context)
