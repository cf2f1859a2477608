"""A worker that does not become ready, or does not end, is killed by its parent."""

import signal
import socket
from pathlib import Path

import pytest

from project.serving import worker as worker_module
from project.serving.options import Options
from project.serving.worker import Worker
from tests.support.wait import wait_until_async


@pytest.fixture
async def worker():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = await Worker.start(Options(), listener)
        yield started
        started.kill()
        await started.wait()


async def test_a_worker_that_is_late_is_killed(worker, monkeypatch):
    monkeypatch.setattr(worker_module, "READY_SECONDS", 0.0)
    assert not await worker.wait_until_ready()
    assert not worker.is_alive
    assert worker.exit_reason == "was not ready within 0 s"


async def test_a_worker_that_does_not_end_is_killed(worker, monkeypatch):
    monkeypatch.setattr(worker_module, "KILL_SECONDS", 0.0)
    worker.send(signal.SIGSTOP)
    # Until it has stopped, it may still act on the next signal.
    await wait_until_async(lambda: state_of(worker.process.pid) == "T", "it has stopped")
    await worker.stop()
    assert worker.exit_reason == "was killed by SIGKILL"


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
