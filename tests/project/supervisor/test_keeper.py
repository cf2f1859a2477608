"""A process that dies is started again, or everything ends. All processes end in time."""

import asyncio
import sys
import time

import pytest

from project.supervision import CannotStart
from project.supervisor.child import Child, Keeper, stop_all
from tests.support.wait import wait_until_async

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(60)"
)


@pytest.fixture
async def start(tmp_path):
    """Starts programs, and kills them after the test."""
    children: list[Child] = []

    async def start_child(name: str, program: str) -> Child:
        child = Child(name, [sys.executable, "-c", program], lambda name, text: None)
        children.append(child)
        await child.start({}, tmp_path)
        return child

    yield start_child
    for child in children:
        await child.kill()
        if child.process is not None:
            await child.wait()


async def test_a_web_server_that_cannot_start_gives_up_with_its_last_lines(start):
    said: list[str] = []
    keeper = Keeper("web", lambda: start("web", "print('no port'); exit(3)"), said.append, attempts=3)
    with pytest.raises(CannotStart) as caught:
        await keeper.keep_running()
    assert str(caught.value).startswith("web ended with exit status 3, 3 times in a row, so everything ends.")
    assert str(caught.value).endswith("  no port")
    assert len(said) == 2
    assert "it is started again at once" in said[0]
    assert "it is started again in 0.5 s" in said[1]


async def test_a_process_without_a_bound_is_always_started_again(start):
    failures: list[int] = []
    three = asyncio.Event()

    def count(number: int) -> None:
        failures.append(number)
        if number == 3:
            three.set()

    keeper = Keeper("beat", lambda: start("beat", "exit(1)"), lambda text: None, before_restart=count)
    keeping = asyncio.create_task(keeper.keep_running())
    await asyncio.wait_for(three.wait(), 20)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert failures == [1, 2, 3]


async def test_a_signal_is_named(start):
    child = await start("worker", "import os; os.kill(os.getpid(), 9)")
    await child.wait()
    assert child.exit_reason == "worker was killed by SIGKILL"


async def test_a_process_that_does_not_end_is_named_and_killed_within_five_seconds(start):
    said: list[str] = []
    child = await start("worker", STUBBORN)
    await wait_until_async(lambda: child.last_lines, "the child runs")
    began = time.monotonic()
    await stop_all([child], said.append, asyncio.Event())
    assert time.monotonic() - began < 5
    assert not child.is_alive
    assert said == [
        "Waiting for worker, 3.5 s at most. Ctrl-C again ends at once.",
        "Killed, since it did not end in time: worker.",
    ]


async def test_a_second_ctrl_c_ends_at_once(start):
    child = await start("worker", STUBBORN)
    await wait_until_async(lambda: child.last_lines, "the child runs")
    kill_requested = asyncio.Event()
    kill_requested.set()
    began = time.monotonic()
    await stop_all([child], lambda text: None, kill_requested)
    assert time.monotonic() - began < 2
    assert not child.is_alive
