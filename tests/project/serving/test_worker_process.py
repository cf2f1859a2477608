"""What its parent can do with a worker that does not do its part."""

import signal
import socket
from pathlib import Path

import pytest

from project.serving import times
from project.serving.options import Options
from project.serving.worker import Worker
from tests.support.wait import wait_until_async


@pytest.fixture
async def worker():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = await Worker.started(Options(), listener)
        yield started
        started.kill()
        await started.wait()


async def test_one_that_is_late_is_killed(worker, monkeypatch):
    monkeypatch.setattr(times, "READY_WITHIN", 0.0)
    assert not await worker.becomes_ready()
    assert not worker.lives
    assert worker.epitaph == "was not ready within 0 s"


async def test_one_that_does_not_end_is_killed(worker, monkeypatch):
    monkeypatch.setattr(times, "KILLED_AFTER", 0.0)
    worker.send(signal.SIGSTOP)
    # Before it stands still it may yet do as the next signal says.
    await wait_until_async(lambda: state_of(worker.process.pid) == "T", "it stands still")
    await worker.end()
    assert worker.epitaph == "was killed by SIGKILL"


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
