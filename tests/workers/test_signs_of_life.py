"""A worker and beat under systemd: notices, and signs of life while the event loop turns, with or without Redis."""

import signal
import time
from contextlib import contextmanager

import pytest

from content import liveness
from tests.support.servers.process import free_port, stop
from tests.support.servers.redis import running_redis
from tests.support.service import environment_of
from tests.support.systemd import WATCHDOG, Gate, listening_for_notices
from tests.support.wait import wait_until
from tests.support.warm_process import WarmProcess
from tests.support.worker import running_worker

pytestmark = pytest.mark.long

# Signs that last for longer than systemd would wait, at the interval of the signs. They may come more slowly.
LONGER = liveness.BEATS_A_WATCHDOG + 1


@pytest.fixture
def notices(tmp_path):
    with listening_for_notices(str(tmp_path / "notify")) as opened:
        yield opened


@pytest.fixture
def state_dir(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


def test_a_worker_gives_signs_of_life_while_redis_is_down_and_none_while_it_is_blocked(notices, state_dir, tmp_path):
    gate, port = Gate(tmp_path), free_port()
    with running_redis(port=port) as first:
        with running_worker(first, state_dir, environment=notices.environment | gate.environment) as worker:
            notices.wait_for("STATUS=Taking tasks.")
            notices.wait_for("WATCHDOG=1", 2)
            first.process.kill()
            first.process.wait()
            # Longer than systemd would wait.
            notices.wait_for("WATCHDOG=1", notices.count("WATCHDOG=1") + LONGER)
            assert worker.process.poll() is None
            with running_redis(port=port):
                worker.send("drain_due")
                worker.finish()
                assert_silent_while_blocked(worker.process.pid, gate, notices)
                stop(worker.process)
        assert notices.lines.index("READY=1") < notices.lines.index("STATUS=Taking tasks.")
        assert notices.count("STOPPING=1") == 1


def test_a_worker_is_ready_without_redis(notices, state_dir):
    environment = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"} | notices.environment
    with process("worker", state_dir, environment):
        notices.wait_for("READY=1")
        notices.wait_for("WATCHDOG=1", LONGER)
        assert notices.count("STATUS=Taking tasks.") == 0


def test_beat_gives_signs_of_life_while_redis_is_down_and_none_while_it_is_blocked(notices, state_dir, tmp_path):
    gate, port = Gate(tmp_path), free_port()
    alive = tmp_path / "alive"
    environment = {"REDIS_URL": f"redis://127.0.0.1:{port}/0", "EVERGREEN_ALIVE_FILE": str(alive)}
    with process("beat", state_dir, environment | notices.environment | gate.environment) as beat:
        notices.wait_for("READY=1")
        notices.wait_for("WATCHDOG=1", LONGER)
        assert alive.exists()
        with running_redis(port=port) as server, server.client() as client:
            wait_until(lambda: client.keys("*queue*"), "beat sends tasks")
            assert_silent_while_blocked(beat.pid, gate, notices)
        beat.terminate()
        beat.wait(60)
        notices.wait_for("STOPPING=1")


@pytest.mark.slow
def test_beat_gives_signs_of_life_while_it_waits_for_a_rabbitmq_that_is_down(notices, state_dir):
    """Celery's loop of retries never ends there: beat does not tick, but for the first seconds."""
    environment = {"CELERY_BROKER_URL": f"amqp://guest@127.0.0.1:{free_port()}//"}
    with process("beat", state_dir, environment | notices.environment):
        log = state_dir / "log"
        wait_until(lambda: "Cannot reach the broker" in log.read_text(), "beat waits for the broker")
        before = notices.count("WATCHDOG=1")
        notices.wait_for("WATCHDOG=1", before + 2 * liveness.BEATS_A_WATCHDOG)


def assert_silent_while_blocked(pid: int, gate: Gate, notices) -> None:
    with gate.blocked(pid):
        before = notices.count("WATCHDOG=1")
        # Silence is observed: nothing else marks its end. It is twice the interval of the signs.
        time.sleep(WATCHDOG / 2)
        after = notices.count("WATCHDOG=1")
    assert after == before
    notices.wait_for("WATCHDOG=1", before + 2)


@contextmanager
def process(name: str, state_dir, environment):
    command = ["-m", "celery", "-A", "workers", "--quiet", name]
    with (state_dir / "log").open("w") as log:
        running = WarmProcess(command, environment_of(state_dir) | environment, log=log)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGCONT)
            stop(running)


@pytest.mark.parametrize(
    ("microseconds", "pid", "seconds"),
    [("", "", None), ("0", "", None), ("soon", "", None), ("2000000", "", 2.0), ("2000000", "1", None)],
)
def test_the_watchdog_is_read_as_systemd_sets_it(monkeypatch, microseconds, pid, seconds):
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    if pid:
        monkeypatch.setenv("WATCHDOG_PID", pid)
    assert liveness.watchdog_seconds() == seconds


def test_a_file_is_enough_for_signs_of_life(monkeypatch, tmp_path):
    file = tmp_path / "alive"
    assert liveness.beat_interval() is None
    monkeypatch.setenv("EVERGREEN_ALIVE_FILE", str(file))
    assert liveness.beat_interval() == liveness.FILE_INTERVAL
    liveness.beat()
    assert file.exists()


def test_nothing_fails_without_anybody_who_listens(monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("EVERGREEN_ALIVE_FILE", str(tmp_path / "no folder" / "file"))
    liveness.notify("READY=1")
    liveness.beat()
