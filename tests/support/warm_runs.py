"""Runs of warming that stop at a gate."""

import asyncio
from collections.abc import Callable, Sequence

from asgiref.sync import sync_to_async

from content.models import WarmRun
from content.warming.choice import Choice
from content.warming.execution import execute
from content.warming.run import Report, warm
from content.warming.runs import start_run
from content.warming.targets import Target
from tests.support.wait import wait_until_async


class Gate:
    """Warms as `run.warm`, notes what, and stops before step `stop_before` until it is opened."""

    def __init__(self, stop_before: int | None = None) -> None:
        self.stop_before = stop_before
        self.warmed: list[str] = []
        self.steps = 0
        self.is_reached = False
        self.is_open = asyncio.Event()

    async def __call__(self, plan: Sequence[Target], *, margin: float, progress: Callable[[Report], None]) -> Report:
        self.steps += 1
        if self.steps == self.stop_before:
            self.is_reached = True
            await self.is_open.wait()
        report = await warm(plan, margin=margin, progress=progress)
        self.warmed += map(str, plan)
        return report


async def start(choice: Choice, started_by: str = "") -> WarmRun:
    run, is_new = await sync_to_async(start_run)(choice, trigger=WarmRun.Trigger.COMMAND, started_by=started_by)
    assert is_new
    return run


async def execute_until(run: WarmRun, gate: Gate) -> "asyncio.Task[bool]":
    """Work on the run, in a task that waits at the gate."""
    task = asyncio.create_task(execute(run.pk, by=gate))
    await wait_until_async(lambda: gate.is_reached or task.done(), "the run has come to the gate")
    return task
