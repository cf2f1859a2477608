"""The processes of the service: started, kept running, and stopped with all that they started."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from project.supervision import CannotStart, RestartBackoff, describe_exit

REMEMBERED_LINES = 20
LINES_AT_RESTART = 5
LONGEST_LINE = 64 * 1024
PR_SET_PDEATHSIG = 1
# Seconds to stop web, worker and beat, and then Redis, which they use. An idle Celery worker takes 2.5. A longer task
# or request is cut: the worker's tasks run again after the next start.
STOP_SECONDS = 4.0
STOP_REDIS_SECONDS = 0.8
# Seconds after which a line names the processes that have not ended.
SILENT_SECONDS = 0.5


class Child:
    """One named process, in a process group of its own: Ctrl-C reaches it through the supervisor, in order.

    user          as whom it runs; None: as the supervisor
    stop_signal   asks it to end
    pass_fds      file descriptors that it inherits
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        print_line: Callable[[str, str], None],
        *,
        user: str | None = None,
        stop_signal: int = signal.SIGTERM,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.command = command
        self.print_line = print_line
        self.user = user
        self.stop_signal = stop_signal
        self.pass_fds = pass_fds
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
            user=self.user,
            pass_fds=self.pass_fds,
        )
        self.reader = asyncio.create_task(self.read_output())

    async def read_output(self) -> None:
        assert self.process is not None  # noqa: S101
        assert self.process.stdout is not None  # noqa: S101
        while True:
            try:
                line = await self.process.stdout.readline()
            except ValueError:
                continue  # the line is longer than LONGEST_LINE: drop what was read of it
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            self.last_lines.append(text)
            self.print_line(self.name, text)

    async def wait(self) -> int:
        """Returns the exit status, after its last lines were read."""
        assert self.process is not None  # noqa: S101
        assert self.reader is not None  # noqa: S101
        status = await self.process.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.reader), 1.0)
        return status

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.returncode is None

    @property
    def exit_reason(self) -> str:
        return f"{self.name} {describe_exit(self.process.returncode if self.process else None)}"

    def format_lines(self, count: int = REMEMBERED_LINES) -> str:
        """Its last lines, indented."""
        return "\n".join(f"  {line}" for line in list(self.last_lines)[-count:]) or "  (none)"

    async def terminate(self) -> None:
        """Ask it to end. Returns when it has ended."""
        if self.process is not None and self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.stop_signal)
            await self.process.wait()

    async def kill(self) -> None:
        """SIGKILL to its whole group, so that processes which it left behind end too."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()


def die_with_parent() -> None:
    """Let the kernel end the child if the supervisor is killed. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Keeper:
    """Keeps one process running: if it dies, its reason is printed and it is started again.

    start            starts a new process, and waits until it answers where that can be known
    say              prints a sentence
    attempts         early deaths in a row until CannotStart is raised; None: no limit
    before_restart   called with the number of early deaths in a row
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Awaitable[Child]],
        say: Callable[[str], None],
        *,
        attempts: int | None = None,
        before_restart: Callable[[int], None] = lambda failures: None,
    ) -> None:
        self.name = name
        self.start = start
        self.say = say
        self.attempts = attempts
        self.before_restart = before_restart
        self.backoff = RestartBackoff()
        self.started = asyncio.Event()

    async def keep_running(self) -> None:
        """Runs until it is cancelled. Raises CannotStart."""
        clock = asyncio.get_running_loop().time
        while True:
            child, started_at = await self.start(), clock()
            if child.is_alive:
                self.started.set()
            await child.wait()
            delay = self.backoff.delay_after(clock() - started_at)
            if self.attempts is not None and self.backoff.failures >= self.attempts:
                raise CannotStart(
                    f"{child.exit_reason}, {self.attempts} times in a row, so everything ends. "
                    f"Its last lines:\n{child.format_lines()}"
                )
            when = f"in {delay:g} s" if delay else "at once"
            lines = child.format_lines(LINES_AT_RESTART)
            self.say(f"{child.exit_reason}; it is started again {when}. Its last lines:\n{lines}")
            await asyncio.sleep(delay)
            self.before_restart(self.backoff.failures)


async def stop_all(children: Sequence[Child], say: Callable[[str], None], kill_requested: asyncio.Event) -> None:
    """Stop Redis last. Takes five seconds at most; `kill_requested` ends the wait."""
    redis = [child for child in children if child.name == "redis"]
    others = [child for child in children if child.name != "redis"]
    for group, seconds in ((others, STOP_SECONDS), (redis, STOP_REDIS_SECONDS)):
        await stop_together(group, seconds, say, kill_requested)


async def stop_together(
    children: Sequence[Child], seconds: float, say: Callable[[str], None], kill_requested: asyncio.Event
) -> None:
    endings = {asyncio.create_task(child.terminate()): child for child in children}
    killing = asyncio.create_task(kill_requested.wait())
    pending = await wait_for(set(endings), killing, SILENT_SECONDS)
    if pending and not killing.done():
        names = ", ".join(child.name for task, child in endings.items() if task in pending)
        say(f"Waiting for {names}, {seconds - SILENT_SECONDS:g} s at most. Ctrl-C again ends at once.")
        if late := await wait_for(pending, killing, seconds - SILENT_SECONDS):
            say(f"Killed, since it did not end in time: {', '.join(endings[task].name for task in late)}.")
    killing.cancel()
    await asyncio.gather(*(child.kill() for child in children))
    await asyncio.gather(*endings)


async def wait_for(
    tasks: set[asyncio.Task[None]], killing: "asyncio.Task[bool]", seconds: float
) -> set[asyncio.Task[None]]:
    """The tasks that are not done after `seconds`, or when `killing` is."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    while tasks and not killing.done() and clock() < deadline:
        await asyncio.wait({*tasks, killing}, timeout=deadline - clock(), return_when=asyncio.FIRST_COMPLETED)
        tasks = {task for task in tasks if not task.done()}
    return tasks
