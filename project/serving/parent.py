"""The process that an operator starts and signals: it opens the socket, and sees to it that N workers serve."""

import asyncio
import signal
import socket
from collections.abc import Callable

from project.serving.errors import CannotServe, NotReady
from project.serving.first import first_of
from project.serving.listener import address_of
from project.serving.options import Options
from project.serving.place import Place
from project.serving.terminal import has_terminal, would_hang_up
from project.serving.worker import Worker

# Once may be a file that was being written. Thrice is none.
FAILURES_AT_START = 3


class Parent:
    """Runs until SIGTERM or SIGINT, or until no worker can be started."""

    def __init__(self, options: Options, listener: socket.socket, say: Callable[[str], None]) -> None:
        self.options = options
        self.listener = listener
        self.say = say
        self.ends_with_terminal = would_hang_up()
        self.workers: set[Worker] = set()
        self.places = [Place(self.start, self.failed, say) for _ in range(options.workers)]
        self.stop_asked = asyncio.Event()
        self.restart_asked = asyncio.Event()

    async def run(self) -> None:
        """Raises CannotServe. Whatever it raises, no worker is left."""
        self.listen_to_signals()
        try:
            await first_of(self.serve(), self.stop_asked.wait())
        finally:
            await asyncio.gather(*(worker.end() for worker in self.workers))

    async def serve(self) -> None:
        """The first place alone: what is broken is told once, not N times."""
        first, *others = self.places
        await first_of(self.restart_when_asked(), first.keep(), *(keep_after(first, place) for place in others))

    # --- workers ------------------------------------------------------------------------------------

    async def start(self) -> Worker:
        """Ready; raises NotReady."""
        try:
            worker = await Worker.started(self.options, self.listener)
        except OSError as error:
            raise NotReady(f"No worker can be started ({error})") from error
        self.workers = {worker, *(other for other in self.workers if other.lives)}
        if not await worker.becomes_ready():
            raise NotReady(f"{worker} {worker.epitaph} before it was ready (its lines are above)")
        return worker

    def failed(self, error: NotReady, times: int) -> None:
        """Gives up only where nobody serves: readers are better off with few workers than with none."""
        if times >= FAILURES_AT_START and not any(place.serves for place in self.places):
            raise CannotServe(f"{error}, {times} times in a row, and none serves.") from error
        self.say(f"{error}; another is started.")

    async def restart_when_asked(self) -> None:
        """However often it is asked for during a restart, one follows: it brings what all of them wanted."""
        for place in self.places:
            await place.filled.wait()
        self.say(f"Serving on {self.address} with {self.roll_call()}.")
        while True:
            await self.restart_asked.wait()
            self.restart_asked.clear()
            await self.restart()

    async def restart(self) -> None:
        self.say("Restarting, one worker after another.")
        for done, place in enumerate(self.places):
            try:
                await place.replace()
            except NotReady as error:
                self.say(f"{error}: the restart is given up, and who serves serves on ({done} of them new).")
                return
        self.say(f"Restarted: {self.roll_call()}.")

    def roll_call(self) -> str:
        numbers = [str(place.worker.process.pid) for place in self.places if place.worker]
        return f"{len(numbers)} {'worker' if len(numbers) == 1 else 'workers'} ({', '.join(numbers)})"

    @property
    def address(self) -> str:
        return address_of(self.listener, tls=bool(self.options.certfile))

    # --- signals ------------------------------------------------------------------------------------

    def listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.hang_up)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.ask_to_stop)

    def hang_up(self) -> None:
        if self.ends_with_terminal and not has_terminal():
            self.ask_to_stop()
        else:
            self.restart_asked.set()

    def ask_to_stop(self) -> None:
        """The second time it hastens."""
        self.say("Ending at once." if self.stop_asked.is_set() else "Ending.")
        if self.stop_asked.is_set():
            for worker in self.workers:
                worker.kill()
        self.stop_asked.set()


async def keep_after(first: Place, place: Place) -> None:
    await first.filled.wait()
    await place.keep()
