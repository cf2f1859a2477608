"""A run: readers of one contender at a fixed rate, and as many of a static file, while somebody edits."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.benchmarks.readers import Read, read_at_rate, read_pages, without_collections
from tests.benchmarks.waits import by_second, seconds_to
from tests.benchmarks.warm.contenders import Site
from tests.benchmarks.warm.static_file import PATH

# Seconds between two withdrawals.
WITHDRAW_EVERY = 10
# Seconds after a withdrawal, from when on no reader may see the page.
GRACE = 1.0
# The share of requests that are hits once a site is warm.
NEARLY_ALL = 0.95


@dataclass
class Course:
    """All runs of one contender, one after the other on one clock."""

    seconds: float = 0.0
    # For each run, the seconds after which nearly all requests are hits; None if they never are.
    warm_after: list[int | None] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    static: list[Read] = field(default_factory=list)
    # Read after the others, while posts were withdrawn.
    beside_withdrawals: list[Read] = field(default_factory=list)
    # The pages of edited posts, at the end.
    edited: list[Read] = field(default_factory=list)
    edits: int = 0
    edits_shown: int = 0
    # Requests that got the page of a post that was withdrawn.
    withdrawn_shown: int = 0

    def add(self, other: "Course") -> None:
        self.reads += [read.later(self.seconds) for read in other.reads]
        self.static += [read.later(self.seconds) for read in other.static]
        self.beside_withdrawals += other.beside_withdrawals
        self.edited += other.edited
        self.seconds += other.seconds
        self.warm_after += other.warm_after
        self.edits += other.edits
        self.edits_shown += other.edits_shown
        self.withdrawn_shown += other.withdrawn_shown


def run(site: Site, drawn: Sequence[str], rate: int, static_port: int | None, withdrawal_seconds: int = 0) -> Course:
    """Edits alone, and then so many seconds of edits and withdrawals. Afterwards the edited pages are read."""
    edits, port = site.editor, site.service.port
    with edits.edit_every_second(), without_collections():
        reads, static = asyncio.run(read_both(port, drawn, rate, static_port))
    with edits.edit_every_second(WITHDRAW_EVERY), without_collections():
        began = time.perf_counter()
        beside_withdrawals = asyncio.run(read_at_rate(port, drawn[: rate * withdrawal_seconds], rate))
    gone = {path: after - began + GRACE for path, (_, after) in edits.withdrawn.items()}
    shown = [read for read in beside_withdrawals if read.status == 200 and read.due > gone.get(read.path, read.due)]
    pages = list(read_pages(port, list(edits.marks)))
    return Course(
        seconds=len(drawn) / rate,
        warm_after=[seconds_to(NEARLY_ALL, by_second(reads))],
        reads=reads,
        static=static,
        beside_withdrawals=beside_withdrawals,
        edits=len(edits.marks),
        edited=[read for read, _ in pages],
        edits_shown=sum(edits.marks[read.path].encode() in page for read, page in pages),
        withdrawn_shown=len(shown),
    )


async def read_both(
    port: int, drawn: Sequence[str], rate: int, static_port: int | None
) -> tuple[list[Read], list[Read]]:
    site = read_at_rate(port, drawn, rate)
    if static_port is None:
        return await site, []
    reads, static = await asyncio.gather(site, read_at_rate(static_port, [PATH] * len(drawn), rate))
    return reads, static
