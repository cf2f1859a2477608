"""Processes that die: started again, or everything ends; and how all of them end."""

import asyncio
import sys
import time

import pytest

from project.supervisor.child import Child
from project.supervisor.ending import end_all
from project.supervisor.errors import CannotStart
from project.supervisor.keeper import Keeper, cause_of_death

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(60)"
)


async def started(name: str, program: str, tmp_path) -> Child:
    child = Child(name, [sys.executable, "-c", program], lambda name, text: None)
    await child.start({}, tmp_path)
    return child


async def test_a_web_server_that_cannot_start_gives_up_with_its_last_lines(tmp_path):
    said: list[str] = []
    keeper = Keeper("web", lambda: started("web", "print('no port'); exit(3)", tmp_path), said.append, attempts=3)
    with pytest.raises(CannotStart) as caught:
        await keeper.keep()
    assert str(caught.value).startswith("web ended with exit status 3, 3 times in a row, so everything ends.")
    assert str(caught.value).endswith("  no port")
    assert len(said) == 2
    assert "it is started again at once" in said[0]
    assert "it is started again in 0.5 s" in said[1]


async def test_one_without_a_bound_is_started_again_and_again(tmp_path):
    rows: list[int] = []
    three = asyncio.Event()

    def count(row: int) -> None:
        rows.append(row)
        if row == 3:
            three.set()

    keeper = Keeper("beat", lambda: started("beat", "exit(1)", tmp_path), lambda text: None, before_attempt=count)
    keeping = asyncio.create_task(keeper.keep())
    await asyncio.wait_for(three.wait(), 20)
    keeping.cancel()
    assert rows == [1, 2, 3]


async def test_a_signal_is_named(tmp_path):
    child = await started("worker", "import os; os.kill(os.getpid(), 9)", tmp_path)
    await child.wait()
    assert cause_of_death(child) == "worker was killed by SIGKILL"


async def test_one_that_does_not_end_is_named_and_killed_within_five_seconds(tmp_path):
    said: list[str] = []
    child = await started("worker", STUBBORN, tmp_path)
    while not child.last_lines:
        await asyncio.sleep(0.01)
    began = time.monotonic()
    await end_all([child], said.append, asyncio.Event())
    assert time.monotonic() - began < 5
    assert not child.lives
    assert said == [
        "Waiting for worker, 2.5 s at most. Ctrl-C again ends at once.",
        "Killed, since it did not end in time: worker.",
    ]


async def test_a_second_ctrl_c_ends_at_once(tmp_path):
    child = await started("worker", STUBBORN, tmp_path)
    while not child.last_lines:
        await asyncio.sleep(0.01)
    hurry = asyncio.Event()
    hurry.set()
    began = time.monotonic()
    await end_all([child], lambda text: None, hurry)
    assert time.monotonic() - began < 2
    assert not child.lives
