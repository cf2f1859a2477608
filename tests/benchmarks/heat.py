"""The price of heat: what the thread that collects it takes from a process, and from Redis.

A hit itself does no more than before heat existed. `make bench ONLY=versions` compares it with another version.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from rich.table import Table

from content.caching import Policy, Resource
from content.caching.engines import engine_of
from content.caching.heat_collector import HeatCollector
from content.caching.metrics.reports import EVERY
from content.caching.read_counts import reads
from tests.benchmarks.resource import load
from tests.benchmarks.rounds import console

ENTRIES = 10_000
ROUNDS = 7
HOUR = Policy(ttl=timedelta(hours=1), early=0, ahead=0)


async def run(url: str) -> None:
    post = Resource("heat", load=load, policy=HOUR)
    await post.get_many(range(ENTRIES))
    engine = engine_of("default")
    assert engine.heat is not None
    assert engine.memory is not None
    nodes = list(engine.memory.nodes.values())
    memory, client = engine.memory, engine.heat.server.sync_client()
    collector = HeatCollector(engine.heat, lambda: [memory])

    def read(count: int) -> None:
        for node in nodes[:count]:
            node.value.reads += 3

    table = Table("", title=f"Processor time of a collection, {ENTRIES:,} entries in memory", box=None)
    for name in ("milliseconds", f"share of {EVERY:.0f} s"):
        table.add_column(name, justify="right")
    for title, count, send in (
        ("look at all, none was read", 0, False),
        ("1,000 were read", 1_000, False),
        ("all were read", ENTRIES, False),
        ("1,000 were read, sent to Redis", 1_000, True),
        ("all were read, sent to Redis", ENTRIES, True),
    ):
        prepare = partial(read, count)
        seconds = min(measure(lambda: client, collector, prepare, send=send) for _ in range(ROUNDS))
        table.add_row(title, f"{seconds * 1000:.2f}", f"{seconds / EVERY:.3%}")
    console.print(table)
    console.print()


def measure(
    connect: Callable[[], object], collector: HeatCollector, prepare: Callable[[], None], *, send: bool
) -> float:
    """Seconds of this thread on a processor."""
    prepare()
    began = time.thread_time()
    if send:
        collector.flush(connect)
    else:
        reads.collect(collector.memories(), lambda: None)
    return time.thread_time() - began
