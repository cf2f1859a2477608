"""A process of the service: started, listened to, and ended with all that it started."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

REMEMBERED_LINES = 20
LONGEST_LINE = 64 * 1024
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """On Linux, a child whose supervisor is killed outright is ended by the kernel: none is left behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One named process, in a process group of its own: Ctrl-C reaches it through us, in our order."""

    def __init__(self, name: str, command: Sequence[str], say: Callable[[str, str], None]) -> None:
        self.name = name
        self.command = command
        self.say = say
        self.last_lines: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self.process: asyncio.subprocess.Process | None = None
        self.reader: asyncio.Task[None] | None = None

    async def start(self, environment: dict[str, str], folder: Path) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            env=environment,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LONGEST_LINE,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        self.reader = asyncio.create_task(self.read())

    async def read(self) -> None:
        assert self.process is not None  # noqa: S101
        assert self.process.stdout is not None  # noqa: S101
        while True:
            try:
                line = await self.process.stdout.readline()
            except ValueError:
                continue  # a line past the bound: what was read of it is dropped
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            self.last_lines.append(text)
            self.say(self.name, text)

    async def wait(self) -> int:
        """Its exit status, once its last lines were read."""
        assert self.process is not None  # noqa: S101
        assert self.reader is not None  # noqa: S101
        status = await self.process.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.reader), 1.0)
        return status

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def ask_to_end(self) -> None:
        """SIGTERM; returns when it has ended."""
        if self.process is not None and self.lives:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            await self.process.wait()

    async def kill(self) -> None:
        """SIGKILL to its whole group: what it started and left behind goes with it."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()
