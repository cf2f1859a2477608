import asyncio
from collections.abc import Awaitable, Callable

from project.serving.errors import NotReady
from project.serving.first import first_of
from project.serving.patience import Patience
from project.serving.worker import Worker


class Place:
    """One of the N: a worker is in it, or on its way.

    `start` gives one that is ready, or raises NotReady. `failed` hears of each that was not, with how many were not
    in a row, and raises to give up. `say` tells the operator.
    """

    def __init__(
        self,
        start: Callable[[], Awaitable[Worker]],
        failed: Callable[[NotReady, int], None],
        say: Callable[[str], None],
    ) -> None:
        self.start = start
        self.failed = failed
        self.say = say
        self.patience = Patience()
        self.worker: Worker | None = None
        self.filled = asyncio.Event()
        self.replaced = asyncio.Event()
        # Held while a worker is on its way: the one that replaces the dead and the one of a restart are never both.
        self.changing = asyncio.Lock()

    @property
    def serves(self) -> bool:
        return self.worker is not None and self.worker.lives

    async def keep(self) -> None:
        """For ever: whoever dies in it is replaced."""
        while True:
            async with self.changing:
                await self.fill()
            if self.worker is not None:
                await self.watch(self.worker)

    async def fill(self) -> None:
        failures = 0
        while not self.serves:
            try:
                self.worker = await self.start()
                self.filled.set()
            except NotReady as error:
                failures += 1
                self.failed(error, failures)
                await asyncio.sleep(self.patience.after(0.0))

    async def watch(self, worker: Worker) -> None:
        """Until it dies, or another one is in its place."""
        self.replaced.clear()
        await first_of(worker.wait(), self.replaced.wait())
        if worker is self.worker:
            self.say(f"{worker} {worker.epitaph}; another takes its place.")
            await asyncio.sleep(self.patience.after(worker.age))

    async def replace(self) -> None:
        """By a new one, once that is ready. Raises NotReady where it is not: the old one serves on."""
        async with self.changing:
            old, self.worker = self.worker, await self.start()
            self.replaced.set()
        if old is not None:
            await old.end()
