"""A process as a person would run it: its terminal, its children, and Ctrl-C."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.support.wait import READY_SECONDS


class RunningProcess:
    """Runs Python with these words in `folder`. Lines of its terminal are read as they come."""

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], *, folder: Path, pass_fds: tuple[int, ...] = ()
    ) -> None:
        self.lines: list[str] = []
        self.more = threading.Condition()
        self.ended = False
        self.process = subprocess.Popen(
            [sys.executable, *words],
            env=environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=pass_fds,
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.more:
                self.lines.append(line.rstrip())
                self.more.notify_all()
        with self.more:
            self.ended = True
            self.more.notify_all()

    def wait_for_line(self, text: str, seconds: float = READY_SECONDS) -> str:
        """The first line that has the text."""

        def find() -> str | None:
            return next((line for line in self.lines if text in line), None)

        with self.more:
            self.more.wait_for(lambda: find() is not None or self.ended, seconds)
            line = find()
        assert line is not None, f"no line with {text!r} within {seconds:g} s:\n{self.terminal}"
        return line

    @property
    def terminal(self) -> str:
        return "\n".join(self.lines)

    def descendants(self) -> dict[int, str]:
        """Process ids from this one down, with their command lines."""
        table, found, wave = dict(parents()), dict[int, str](), [self.process.pid]
        while wave:
            wave = [pid for pid, parent in table.items() if parent in wave]
            found |= {pid: command_line(pid) for pid in wave}
        return found

    def pid_of(self, words: str) -> int:
        """The oldest process from this one down whose command line has the words."""
        return min(pid for pid, command in self.descendants().items() if words in command)

    def interrupt(self, seconds: float = READY_SECONDS) -> int:
        """Ctrl-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.wait(seconds)

    def wait(self, seconds: float = READY_SECONDS) -> int:
        status = self.process.wait(seconds)
        self.reader.join(seconds)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


def parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                yield int(entry.name), int(fields[1])


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
