"""The parent process: it owns the socket, acts on signals, and keeps N workers running."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable

from content.liveness import notify
from project.serving.listener import url_of
from project.serving.memory import count_that_fit
from project.serving.options import Options
from project.serving.watchdog import give_signs_of_life, kill_if_silent
from project.serving.worker import Worker
from project.supervision import CannotStart, RestartBackoff, run_until_first

# The first failure may be a file that was being written.
START_ATTEMPTS = 3
# Workers that a restart starts at once, and processes that it may have beside the N: those that start or end.
STARTING_AT_ONCE, MOST_MORE = 2, 4


class NotReady(Exception):
    """Why a new worker does not serve."""


class Parent:
    """Runs until SIGTERM or SIGINT, or until no worker can be started. SIGHUP restarts the workers."""

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
        # The time tells systemd which reload this is (sd_notify(3)).
        notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=Restarting.")
        try:
            await self.replace_workers()
        finally:
            self.notify_ready()

    async def replace_workers(self) -> None:
        """Each new worker serves before the old one ends. Where memory is short, one slot follows another."""
        pids = [slot.worker.process.pid for slot in self.slots if slot.worker]
        more, starting = max(1, count_that_fit(pids, MOST_MORE)), min(STARTING_AT_ONCE, count_cores())
        self.log(f"Restarting, {'one worker' if min(more, starting) == 1 else 'two workers'} at a time.")
        restart = Restart(more, starting)
        await asyncio.gather(*(restart.replace(slot) for slot in self.slots))
        if restart.error is None:
            self.log(f"Restarted: {self.list_workers()}.")
            return
        self.log(
            f"{restart.error}: the restart is given up; the running workers go on ({restart.replaced} of them new)."
        )

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

    async def start_successor(self) -> Worker | None:
        """Start a new worker. Returns the old one. Raises NotReady; the old worker then serves on."""
        async with self.starting:
            old, self.worker = self.worker, await self.parent.start_worker()
            self.replaced.set()
        return old


class Restart:
    """One restart of all slots: at most `more` processes beside the N, of which `starting` start."""

    def __init__(self, more: int, starting: int) -> None:
        self.more = asyncio.Semaphore(more)
        self.starting = asyncio.Semaphore(starting)
        self.replaced = 0
        # The first failure: no other worker is started after it.
        self.error: NotReady | None = None

    async def replace(self, slot: WorkerSlot) -> None:
        async with self.more:
            old = await self.start_in(slot)
            if old is not None:
                await old.stop()

    async def start_in(self, slot: WorkerSlot) -> Worker | None:
        """Returns the worker that was there before, which the caller stops."""
        async with self.starting:
            if self.error is not None:
                return None
            try:
                old = await slot.start_successor()
            except NotReady as error:
                self.error = self.error or error
                return None
        self.replaced += 1
        return old


def count_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
