"""A worker, as its parent has it in hand."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Collection, Iterator
from typing import Self

from project.serving import times
from project.serving.options import Options

# They reach all processes of a terminal, and are the parent's to answer.
OF_TERMINALS = (signal.SIGINT, signal.SIGHUP)
COMMAND = [sys.executable, "-P", "-m", "project.serving.worker_main"]


class Worker:
    """A process that is started, becomes ready or does not, and ends. What it prints goes where ours goes."""

    def __init__(
        self, process: asyncio.subprocess.Process, heard: asyncio.StreamReader, tether: asyncio.StreamWriter
    ):
        self.process = process
        self.heard = heard
        self.tether = tether
        self.since = asyncio.get_running_loop().time()
        self.was_late = False
        self.ending = asyncio.create_task(self.reap())

    @classmethod
    async def started(cls, options: Options, listener: socket.socket) -> Self:
        """A new interpreter, not a fork: it reads code, settings and .env as they are now. Raises OSError."""
        ours, theirs = socket.socketpair()
        heard, tether = await asyncio.open_unix_connection(sock=ours)
        with theirs:
            try:
                return cls(await spawn(options, listener.fileno(), theirs.fileno()), heard, tether)
            except BaseException:
                tether.close()
                raise

    async def reap(self) -> int:
        status = await self.process.wait()
        self.tether.close()
        return status

    async def wait(self) -> int:
        """Its exit status, below 0 for the signal that has killed it."""
        return await asyncio.shield(self.ending)

    async def becomes_ready(self) -> bool:
        """Whether it listens, once it does. If not, it has ended."""
        try:
            async with asyncio.timeout(times.READY_WITHIN):
                if await self.heard.read(1):
                    return True
                await self.wait()
        except TimeoutError:
            self.was_late = True
            self.kill()
            await self.wait()
        return False

    async def end(self) -> None:
        """SIGTERM, and SIGKILL after the graceful time."""
        self.send(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(times.KILLED_AFTER):
                await self.wait()
        self.kill()
        await self.wait()

    def kill(self) -> None:
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    @property
    def lives(self) -> bool:
        return not self.ending.done()

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return asyncio.get_running_loop().time() - self.since

    @property
    def epitaph(self) -> str:
        if self.was_late:
            return f"was not ready within {times.READY_WITHIN:g} s"
        status = self.ending.result()
        return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    def __str__(self) -> str:
        return f"Worker {self.process.pid}"


async def spawn(options: Options, listener: int, tether: int) -> asyncio.subprocess.Process:
    words = [options.to_json(), str(listener), str(tether)]
    with blocked(OF_TERMINALS):
        return await asyncio.create_subprocess_exec(
            *COMMAND, *words, stdin=asyncio.subprocess.DEVNULL, pass_fds=(listener, tether)
        )


@contextlib.contextmanager
def blocked(signals: Collection[signal.Signals]) -> Iterator[None]:
    """For what is started inside, they stay blocked from its first instruction on."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
