"""Warm with several processes: pages are made by the CPU, and one process uses one core."""

import asyncio
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import chain, groupby

from content.warming.run import Progress, Report, split, split_entries, warm
from content.warming.targets import Target, pages
from project.warming.helper import help_warm

MOST_PROCESSES = 64
# Pages that each process takes at once. Progress is reported after each round.
ROUND = 400
# Pages that stay together. Pages and responses of the API alternate: dealt out singly, one process got all the cheap.
BLOCK = 10
# Helpers are started afresh: a fork of a process with threads may never end.
_context = multiprocessing.get_context("spawn")


class HelperFailed(Exception):
    """A helper has died, or cannot be used."""


class Helper:
    """A second process, which warms what it is sent."""

    def __init__(self, number: int) -> None:
        self.connection, theirs = _context.Pipe()
        self.process = _context.Process(target=help_warm, args=(theirs,), name=f"warm {number}")
        self.process.start()
        theirs.close()

    def warm(self, plan: Sequence[Target], margin: float) -> Report:
        """Blocks until it is done. Raises HelperFailed if the process has died."""
        answer: Report | str
        try:
            self.connection.send(([(target.resource.name, target.parameters) for target in plan], margin))
            answer = self.connection.recv()
        except (EOFError, OSError):
            answer = "it has ended"
        if isinstance(answer, str):
            raise HelperFailed(
                f"A process that warmed a part of the site has failed ({answer}). The site is warm in part. Run the "
                "command again: it goes on where it stopped. With --processes 1 there is no second process."
            )
        return answer

    def end(self) -> None:
        self.connection.close()
        self.process.join()


class Crew:
    """This process and its helpers."""

    def __init__(self, helpers: Sequence[Helper]) -> None:
        self.helpers = helpers
        self._threads = ThreadPoolExecutor(max_workers=len(helpers) or 1, thread_name_prefix="helper")

    async def warm(self, plan: Sequence[Target], *, margin: float, progress: Progress) -> Report:
        """Like `run.warm`, which all of them do at the same time, each with a part of the plan."""
        report = Report()
        for are_pages, targets in groupby(plan, key=lambda target: target.resource is pages):
            for each in self._rounds(list(targets), are_pages=are_pages):
                mine, *theirs = each
                run_in_thread = partial(asyncio.get_running_loop().run_in_executor, self._threads)
                tasks = [
                    run_in_thread(helper.warm, part, margin)
                    for helper, part in zip(self.helpers, theirs, strict=True)
                    if part
                ]
                for part_report in await asyncio.gather(warm(mine, margin=margin), *tasks):
                    report.add(part_report)
                progress(report)
        return report

    def _rounds(self, targets: list[Target], *, are_pages: bool) -> Iterator[list[list[Target]]]:
        """Parts for each process. A batch of entries stays whole: in two halves it would take twice the queries."""
        count = len(self.helpers) + 1
        if not are_pages:
            batches = split_entries(targets)
            yield [list(chain.from_iterable(batches[number::count])) for number in range(count)]
            return
        size = ROUND * count
        for first in range(0, len(targets), size):
            blocks = split(targets[first : first + size], BLOCK)
            yield [list(chain.from_iterable(blocks[number::count])) for number in range(count)]


@contextmanager
def crew_of(processes: int) -> Iterator[Crew]:
    """A crew of so many processes, this one included."""
    helpers = [Helper(number) for number in range(1, processes)]
    try:
        yield Crew(helpers)
    finally:
        for helper in helpers:
            helper.end()


def count_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
