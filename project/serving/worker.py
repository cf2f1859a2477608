"""A worker process, as its parent sees it."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Self

from project.serving.options import Options
from project.supervision import describe_exit

# Seconds in which an ending worker finishes its requests, and two more for the end of the application.
GRACEFUL_SECONDS = 5
KILL_SECONDS = GRACEFUL_SECONDS + 2
# Seconds from the start of a worker until it must listen.
READY_SECONDS = 60.0
# The terminal sends them to all its processes. Only the parent acts on them.
TERMINAL_SIGNALS = (signal.SIGINT, signal.SIGHUP)
COMMAND = [sys.executable, "-P", "-m", "project.serving.worker_main"]


class Worker:
    """Its life: started, then ready or not, then ended. Parent and worker each hold one end of a pair of sockets.

    The worker writes one byte when it is ready. If either process dies, the kernel closes its end, and the other
    process reads the end of the stream.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ):
        self.process = process
        self.reader = reader
        self.writer = writer
        self.started_at = asyncio.get_running_loop().time()
        self.is_late = False
        self.exit = asyncio.create_task(self.reap())

    @classmethod
    async def start(cls, options: Options, listener: socket.socket) -> Self:
        """A new interpreter, not a fork: it reads code, settings and .env as they are now. Raises OSError."""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        descriptors = (listener.fileno(), theirs.fileno())
        with theirs:
            try:
                async with block_terminal_signals():
                    process = await asyncio.create_subprocess_exec(
                        *(*COMMAND, options.to_json(), *map(str, descriptors)),
                        stdin=asyncio.subprocess.DEVNULL,
                        pass_fds=descriptors,
                    )
                return cls(process, reader, writer)
            except BaseException:
                writer.close()
                raise

    async def reap(self) -> int:
        status = await self.process.wait()
        self.writer.close()
        return status

    async def wait(self) -> int:
        """Returns the exit status; below 0 it is the signal that killed the worker."""
        return await asyncio.shield(self.exit)

    async def wait_until_ready(self) -> bool:
        """Whether it listens. If not, it has ended: a late worker is killed."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                if await self.reader.read(1):
                    return True
                await self.wait()
        except TimeoutError:
            self.is_late = True
            self.kill()
            await self.wait()
        return False

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL after KILL_SECONDS."""
        self.send(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_SECONDS):
                await self.wait()
        self.kill()
        await self.wait()

    def kill(self) -> None:
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    @property
    def is_alive(self) -> bool:
        return not self.exit.done()

    @property
    def age(self) -> float:
        """Seconds since its start."""
        return asyncio.get_running_loop().time() - self.started_at

    @property
    def exit_reason(self) -> str:
        return f"was not ready within {READY_SECONDS:g} s" if self.is_late else describe_exit(self.exit.result())

    def __str__(self) -> str:
        return f"Worker {self.process.pid}"


@contextlib.asynccontextmanager
async def block_terminal_signals() -> AsyncIterator[None]:
    """A process started inside has them blocked from its first instruction.

    One start at a time: the second would restore what the first has blocked, and the parent would be deaf for ever.
    """
    async with _blocking:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL_SIGNALS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


_blocking = asyncio.Lock()
