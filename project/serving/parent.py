"""The parent process: it owns the socket, acts on signals, and keeps N workers running."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable

from content.liveness import notify
from project.serving.listener import url_of
from project.serving.options import Options
from project.serving.watchdog import give_signs_of_life, kill_if_silent
from project.serving.worker import Worker
from project.supervision import CannotStart, RestartBackoff, run_until_first

# The first failure may be a file that was being written.
START_ATTEMPTS = 3


class NotReady(Exception):
    """Why a new worker does not serve."""


class Parent:
    """Runs until SIGTERM or SIGINT, or until no worker can be started. SIGHUP restarts one worker after another."""

    def __init__(self, options: Options, listener: socket.socket, log: Callable[[str], None]) -> None:
        self.options = options
        self.listener = listener
        self.log = log
        # A SIGHUP is an operator's restart, or the end of the terminal: unless `nohup` started this process.
        self.ends_with_terminal = has_terminal() and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
        self.workers: set[Worker] = set()
        self.slots = [WorkerSlot(self) for _ in range(options.workers)]
        self.stop_requested = asyncio.Event()
        self.restart_requested = asyncio.Event()

    async def run(self) -> None:
        """Raises CannotStart. It ends every worker before it returns or raises."""
        self.handle_signals()
        try:
            await run_until_first(self.serve(), self.stop_requested.wait(), give_signs_of_life())
        finally:
            await asyncio.gather(*(worker.stop() for worker in self.workers))

    async def serve(self) -> None:
        """The first worker starts alone: an error of the site is printed once, not N times."""
        first, *others = self.slots
        await run_until_first(
            self.restart_on_request(), first.keep_filled(), *(slot.keep_filled(after=first) for slot in others)
        )

    # --- workers ------------------------------------------------------------------------------------

    async def start_worker(self) -> Worker:
        """A worker that is ready. Raises NotReady."""
        try:
            worker = await Worker.start(self.options, self.listener)
        except OSError as error:
            raise NotReady(f"No worker can be started ({error})") from error
        self.workers = {worker, *(other for other in self.workers if other.is_alive)}
        if not await worker.wait_until_ready():
            raise NotReady(f"{worker} {worker.exit_reason} before it was ready (see its lines above)")
        return worker

    def check_failure(self, error: NotReady, failures: int) -> None:
        """Raises CannotStart if no worker serves: few workers are better than none."""
        if failures >= START_ATTEMPTS and not any(slot.serves for slot in self.slots):
            raise CannotStart(f"{error}, {failures} times in a row, and no worker serves.") from error
        self.log(f"{error}; another is started.")

    async def restart_on_request(self) -> None:
        """Requests during a restart cause exactly one more: it has what all of them wanted."""
        for slot in self.slots:
            await slot.filled.wait()
        url = url_of(self.listener, tls=bool(self.options.certfile))
        self.log(f"Serving on {url} with {self.list_workers()}.")
        self.notify_ready()
        while True:
            await self.restart_requested.wait()
            self.restart_requested.clear()
            await self.restart()

    async def restart(self) -> None:
        self.log("Restarting, one worker after another.")
        # The time tells systemd which reload this is (sd_notify(3)).
        notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=Restarting.")
        try:
            await self.replace_workers()
        finally:
            self.notify_ready()

    async def replace_workers(self) -> None:
        for replaced, slot in enumerate(self.slots):
            try:
                await slot.replace()
            except NotReady as error:
                self.log(f"{error}: the restart is given up; the running workers go on ({replaced} of them new).")
                return
        self.log(f"Restarted: {self.list_workers()}.")

    def notify_ready(self) -> None:
        if not self.stop_requested.is_set():
            notify("READY=1", f"STATUS=Serving with {self.list_workers()}.")

    def list_workers(self) -> str:
        pids = [str(slot.worker.process.pid) for slot in self.slots if slot.worker]
        return f"{len(pids)} {'worker' if len(pids) == 1 else 'workers'} ({', '.join(pids)})"

    # --- signals ------------------------------------------------------------------------------------

    def handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.hang_up)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.request_stop)

    def hang_up(self) -> None:
        if self.ends_with_terminal and not has_terminal():
            self.request_stop()
        else:
            self.restart_requested.set()

    def request_stop(self) -> None:
        """The second request kills the workers."""
        self.log("Ending at once." if self.stop_requested.is_set() else "Ending.")
        if self.stop_requested.is_set():
            for worker in self.workers:
                worker.kill()
        else:
            notify("STOPPING=1", "STATUS=Ending.")
        self.stop_requested.set()


class WorkerSlot:
    """One of the N workers, or its successor on the way."""

    def __init__(self, parent: Parent) -> None:
        self.parent = parent
        self.backoff = RestartBackoff()
        self.worker: Worker | None = None
        self.filled = asyncio.Event()
        self.replaced = asyncio.Event()
        # Held while a worker starts: a restart and the replacement of a dead worker never start two.
        self.starting = asyncio.Lock()

    @property
    def serves(self) -> bool:
        return self.worker is not None and self.worker.is_alive

    async def keep_filled(self, after: "WorkerSlot | None" = None) -> None:
        """Replace each worker that dies. Begins when the slot `after` has a worker. Runs until it is cancelled."""
        if after is not None:
            await after.filled.wait()
        while True:
            async with self.starting:
                await self.fill()
            if self.worker is not None:
                await self.watch(self.worker)

    async def fill(self) -> None:
        failures = 0
        while not self.serves:
            try:
                self.worker = await self.parent.start_worker()
                self.filled.set()
            except NotReady as error:
                failures += 1
                self.parent.check_failure(error, failures)
                await asyncio.sleep(self.backoff.delay_after(0.0))

    async def watch(self, worker: Worker) -> None:
        """Returns when the worker has died or was replaced."""
        self.replaced.clear()
        await run_until_first(worker.wait(), self.replaced.wait(), kill_if_silent(worker, self.parent.log))
        if worker is self.worker:
            self.parent.log(f"{worker} {worker.exit_reason}; another takes its place.")
            await asyncio.sleep(self.backoff.delay_after(worker.age))

    async def replace(self) -> None:
        """Start a new worker, then stop the old one. Raises NotReady; the old worker then serves on."""
        async with self.starting:
            old, self.worker = self.worker, await self.parent.start_worker()
            self.replaced.set()
        if old is not None:
            await old.stop()


def has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
