"""The course of a cutover and of the way back, while readers read at a fixed rate."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from itertools import cycle

from tests.benchmarks.cutover.releases import Releases, sampling_memory
from tests.benchmarks.readers import Read, read_at_rate, without_collections
from tests.benchmarks.site.editing import editor
from tests.benchmarks.site.paths import draw_paths
from tests.benchmarks.warm_site import wait_until_warm

# Seconds of readers who make the hot set, before those who count.
LEAD = 12
# Seconds that requests to the release before may take, before its processes are stopped.
GRACE = 1.0
ALONE, WARMS, STARTS, NEW, OLD_STARTS, AGAIN = PHASES = (
    "N alone",
    "N; N+1 is warmed",
    "N; N+1 starts",
    "N+1",
    "N+1; N starts",
    "N again",
)


@dataclass
class Course:
    """Times are seconds since the beginning. `phases`: when each began. `memory`: bytes of Redis."""

    reads: list[Read] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    memory: list[tuple[float, int]] = field(default_factory=list)
    prepared: str = ""

    def phase_at(self, at: float) -> str:
        return [name for name, began in self.phases.items() if began <= at][-1]


class Cutover:
    """`seconds`: of each phase in which nothing is started or stopped."""

    def __init__(self, releases: Releases, paths: Sequence[str], rate: int, seconds: float, *, edits: bool) -> None:
        self.releases = releases
        self.drawn = draw_paths(list(paths))
        self.rate = rate
        self.seconds = seconds
        self.edits = edits
        self.port = 0
        self.is_over = False
        self.began = 0.0
        self.course = Course(phases={ALONE: 0.0})
        self.stack, self.old_service = ExitStack(), ExitStack()

    def run(self) -> Course:
        old = self.releases.old
        with self.stack as stack, editor(old.environment) as edits:
            stack.enter_context(old.warming())
            wait_until_warm(old.environment)
            self.port = self.old_service.enter_context(old.serving()).port
            stack.callback(lambda: self.old_service.close())
            asyncio.run(self.read(self.drawn[: LEAD * self.rate]))
            memory = stack.enter_context(sampling_memory(self.releases.redis))
            with without_collections(), edits.edit_every_second() if self.edits else nullcontext():
                self.began = time.perf_counter()
                asyncio.run(self.read_through())
            samples = [(at - self.began, used) for at, used in memory if at >= self.began]
        return replace(self.course, memory=samples)

    async def read_through(self) -> None:
        operating = asyncio.create_task(asyncio.to_thread(self.operate))
        operating.add_done_callback(lambda _: self.end())
        self.course.reads = await self.read(self.draw())
        await operating

    async def read(self, drawn: Iterable[str]) -> list[Read]:
        return await read_at_rate(lambda: self.port, drawn, self.rate)

    def draw(self) -> Iterator[str]:
        """Paths, until `end` is called."""
        for path in cycle(self.drawn):
            if self.is_over:
                return
            yield path

    def end(self) -> None:
        self.is_over = True

    def operate(self) -> None:
        """Take the steps of an operator."""
        new = self.releases.new
        time.sleep(self.seconds)
        self.begin(WARMS)
        self.stack.enter_context(new.warming())
        self.course.prepared = new.prepare()
        self.begin(STARTS)
        port = self.stack.enter_context(new.serving()).port
        self.switch(port, NEW)
        self.begin(OLD_STARTS)
        self.old_service = ExitStack()
        port = self.old_service.enter_context(self.releases.old.serving()).port
        self.switch(port, AGAIN, stops=False)

    def begin(self, phase: str) -> None:
        self.course.phases[phase] = time.perf_counter() - self.began

    def switch(self, port: int, phase: str, *, stops: bool = True) -> None:
        """Send readers to that port, and stop the processes that they came from."""
        self.port = port
        self.begin(phase)
        time.sleep(GRACE)
        if stops:
            self.old_service.close()
        time.sleep(self.seconds)
