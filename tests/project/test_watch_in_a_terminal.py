"""`cache_stats --watch`: the dashboard in a terminal of 80 columns, and lines where there is none."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest

from content.ops.numbers import TILES
from tests.support.service import ROOT, environment_of, make_tables
from tests.support.wait import READY_SECONDS

pytestmark = pytest.mark.long

COMMAND = [sys.executable, str(ROOT / "manage.py"), "cache_stats", "--watch"]
CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
LAST = "q ends."


@pytest.fixture
def environment(tmp_path, fresh_redis):
    state = tmp_path / "state"
    state.mkdir()
    make_tables(state)
    ours = {"SECRET_KEY": "for tests only", "REDIS_URL": fresh_redis, "TERM": "xterm"}
    # Else they would be the size of the terminal: a library that a test before has imported may have set them.
    return {name: value for name, value in environment_of(state).items() if name not in ("LINES", "COLUMNS")} | ours


def listen_to_ctrl_c() -> None:
    """Run in the new process. A shell starts programs in the background without."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """The command in a terminal of that size, as a person sees it."""

    def __init__(self, environment: dict[str, str], rows: int = 90, columns: int = 80) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            COMMAND, env=environment, stdin=slave, stdout=slave, stderr=slave, preexec_fn=listen_to_ctrl_c
        )
        os.close(slave)
        self.text = ""

    def read_until(self, *texts: str) -> str:
        """The screen once it has these. It is drawn whole each time."""
        deadline = time.monotonic() + READY_SECONDS
        while not all(text in self.screen for text in texts):
            assert time.monotonic() < deadline, self.text[-3000:]
            if select.select([self.master], [], [], 1)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode()
                except OSError:
                    raise AssertionError(self.text[-3000:]) from None
        return self.screen

    @property
    def screen(self) -> str:
        end = self.text.rfind(LAST)
        return CONTROL.sub("", self.text[self.text.rfind("\x1b[H", 0, end) : end]) if end >= 0 else ""

    def end(self) -> int:
        return self.process.wait(READY_SECONDS)


@pytest.fixture
def terminal(environment) -> Iterator[Terminal]:
    started = Terminal(environment)
    yield started
    os.close(started.master)
    started.process.kill()
    started.process.wait()


def test_all_of_it_is_seen_at_80_columns_and_q_ends_it(terminal):
    screen = terminal.read_until("No worker has reported", "Services", "Processes")
    for tile in TILES:
        assert tile.title in screen
    assert max(len(line.rstrip()) for line in screen.splitlines()) <= 80
    assert "…" not in screen
    os.write(terminal.master, b"xq")
    assert terminal.end() == 0


def test_ctrl_c_ends_it_without_a_traceback(terminal):
    terminal.read_until("Services")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 0
    assert "Traceback" not in terminal.text


def test_without_a_terminal_it_prints_lines(environment):
    with subprocess.Popen(
        COMMAND,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=listen_to_ctrl_c,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.wait(READY_SECONDS) == 0
    for line in lines:
        assert re.match(r"\d\d:\d\d:\d\d warning\. No worker has reported", line)
        assert all(tile.title in line for tile in TILES)
        assert "\x1b" not in line
