"""A rolling restart of this tree beside another one, in turns: seconds, processes, memory, and what readers notice.

python -m tests.benchmarks.restarts [--beside DIR] [--workers N] [--rounds N]
"""

import argparse
import asyncio
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from rich.table import Table

from project.serving.memory import resident_bytes
from tests.benchmarks.rounds import console
from tests.support.readers import Reader
from tests.support.servers.redis import running_redis
from tests.support.service import ROOT, Service, make_demo, running_service

READERS = 8
# Seconds between two looks at the processes.
LOOK = 0.1


class TimedReader(Reader):
    """`waits`: seconds of each request."""

    def __init__(self, port: int) -> None:
        super().__init__(port, "/")
        self.waits: list[float] = []

    async def read(self) -> None:
        began = time.perf_counter()
        await super().read()
        self.waits.append(time.perf_counter() - began)
        # As a browser: readers that never pause would measure only their own load.
        await asyncio.sleep(0.02)


@dataclass
class Tree:
    """A running site of one tree, and what its restarts took."""

    name: str
    service: Service
    seconds: list[float] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    async def restart(self) -> None:
        readers = [TimedReader(self.service.port) for _ in range(READERS)]
        tasks = [asyncio.create_task(reader.read_for_ever()) for reader in readers]
        looking = asyncio.create_task(self.look())
        await asyncio.sleep(1)
        began = time.monotonic()
        done = self.count_restarts()
        self.service.process.send_signal(signal.SIGHUP)
        while self.count_restarts() == done:
            await asyncio.sleep(0.01)
        self.seconds.append(time.monotonic() - began)
        await asyncio.sleep(1)
        for task in (looking, *tasks):
            task.cancel()
        await asyncio.gather(looking, *tasks, return_exceptions=True)
        for reader in readers:
            reader.hang_up()
            self.waits += reader.waits
            self.failures += reader.failures

    def count_restarts(self) -> int:
        return sum("Restarted:" in line for line in self.service.lines)

    async def look(self) -> None:
        while True:
            pids = [pid for pid, command in self.service.descendants().items() if "worker_main" in command]
            self.processes.append(len(pids))
            self.megabytes.append(sum(map(resident_bytes, pids)) / 1e6)
            await asyncio.sleep(LOOK)


@contextmanager
def running(name: str, root: Path, count: int) -> Iterator[Tree]:
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis())
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))) / "state"
        state.mkdir()
        make_demo(state)
        environment = {"SECRET_KEY": "for tests only", "REDIS_URL": redis.url}
        service = stack.enter_context(
            running_service(state, "--workers", str(count), command="serve", environment=environment, root=root)
        )
        service.wait_for_line("Serving on")
        yield Tree(name, service)


async def measure(trees: list[Tree], rounds: int) -> None:
    for tree in trees:
        # The first restart compiles what was not yet, and finds an address that readers have used.
        await tree.restart()
        tree.seconds.clear()
        tree.waits.clear()
    for number in range(rounds):
        for tree in trees if number % 2 else reversed(trees):
            await tree.restart()


def show(trees: list[Tree], count: int) -> None:
    table = Table("tree", title=f"SIGHUP of {count} processes", title_justify="left", box=None, pad_edge=False)
    for name in (
        "median s",
        "fastest to slowest",
        "most processes",
        "most MB",
        "requests",
        "failed",
        "p99 ms",
        "max",
    ):
        table.add_column(name, justify="right")
    for tree in trees:
        table.add_row(
            tree.name,
            f"{statistics.median(tree.seconds):.2f}",
            f"{min(tree.seconds):.2f} to {max(tree.seconds):.2f}",
            f"{max(tree.processes)}",
            f"{max(tree.megabytes):.0f}",
            f"{len(tree.waits):,}",
            f"{len(tree.failures)}",
            f"{1000 * statistics.quantiles(tree.waits, n=100)[98]:.0f}",
            f"{1000 * max(tree.waits):.0f}",
        )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.restarts")
    parser.add_argument("--beside", type=Path, help="another tree, with its own manage.py")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    roots = {"this": ROOT, **({"beside": options.beside} if options.beside else {})}
    with ExitStack() as stack:
        trees = [stack.enter_context(running(name, root, options.workers)) for name, root in roots.items()]
        uvloop.run(measure(trees, options.rounds))
        show(trees, options.workers)


if __name__ == "__main__":
    main()
