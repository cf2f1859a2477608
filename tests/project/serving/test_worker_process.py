"""A worker that does not become ready, or does not end, is killed by its parent."""

import signal
import socket
from pathlib import Path

import pytest

from project.serving import worker as worker_module
from project.serving.options import Options
from project.serving.worker import TerminalSignals, Worker
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


def test_workers_that_start_at_once_leave_the_parents_signals_as_they_were():
    """The second begins before the first has started, and ends after it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    signals = TerminalSignals()
    first, second = signals.block(), signals.block()
    try:
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert {signal.SIGHUP, signal.SIGINT} <= signal.pthread_sigmask(signal.SIG_BLOCK, ())
        second.__exit__(None, None, None)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
