"""The cost of traces in processor time: off, on and not recorded, and recorded and sent to a collector.

python -m tests.benchmarks.tracing REDIS_URL
"""

import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from rich.table import Table
from uvicorn.server import ServerState

from tests.benchmarks.edge import ask, handler, scope_of, site
from tests.benchmarks.rounds import console
from tests.support.collector import running_collector

ROUNDS, MISSES, HITS = 15, 40, 2000


def main(redis_url: str) -> None:
    with site(redis_url) as call, running_collector() as collector:
        call("demo_content", verbosity=0)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(collector.url))


async def run(url: str) -> None:
    from django.conf import settings

    from content import resources
    from content.caching import invalidate, tracing
    from content.caching.edge import EdgeCache
    from content.caching.edge.protocol import EdgeProtocol
    from content.caching.key import resource_tag
    from content.caching.opentelemetry_tracer import OpenTelemetryTracer
    from content.models import Post
    from project.edge import site_profile
    from project.trace_exporter import start_provider
    from tests.support.wire import server_config

    edge = EdgeCache(handler(settings.MIDDLEWARE), cache="default", profile=site_profile())
    provider = start_provider(f"{url}/v1/traces", "benchmark", "none")
    tracer = provider.get_tracer("evergreen")
    ways: dict[str, tracing.Tracer | None] = {
        "off": None,
        "on, not recorded": OpenTelemetryTracer(tracer, ratio=0),
        "recorded": OpenTelemetryTracer(tracer, ratio=1),
    }
    everything = [resource_tag(name) for name in ("page", *resources.BY_NAME)]
    published = Post.objects.filter(status=Post.Status.PUBLISHED, kind=Post.Kind.POST)
    path = (await published.order_by("pk")[:1].aget()).get_absolute_url()
    while edge.fast_path.lookup_scope(scope_of(path)) is None:
        # Until what the page shows in passing is fresh, too.
        await ask(edge, path)
        await asyncio.sleep(0.05)
    protocol = EdgeProtocol(server_config(edge), ServerState(), {})
    protocol.connection_made(Sink())
    request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()

    async def miss() -> None:
        await ask(edge, path)

    async def hit() -> None:
        while not protocol._serve_hits(request):
            # The thread that reads the log is late on a busy machine.
            await asyncio.sleep(0.01)

    async def purge_page() -> None:
        await invalidate([resource_tag("page")])

    async def purge() -> None:
        await invalidate(everything)

    async def nothing() -> None:
        """The page stays stored."""

    jobs: dict[str, tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[None]], int]] = {
        "a hit on a connection": (hit, nothing, HITS),
        "a miss whose resources are in memory": (miss, purge_page, MISSES),
        "a miss of all that the page is made of": (miss, purge, MISSES // 4),
    }
    for title, (job, before, times) in jobs.items():
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(ROUNDS + 1):
            names = list(ways)
            for name in names[number % 3 :] + names[: number % 3]:
                tracing.install(ways[name])
                seconds = await measure_one(job, before, times)
                # What the thread of the exporter does belongs to the spans.
                began = time.process_time()
                provider.force_flush()
                seconds += (time.process_time() - began) / times
                if number:
                    taken[name].append(seconds)
        tracing.install(None)
        show(title, taken)


class Sink(asyncio.Transport):
    """The end of a connection that takes everything."""

    def write(self, data: Any) -> None:
        """Sent."""

    def writelines(self, parts: Any) -> None:
        """Sent."""

    def close(self) -> None:
        """After the keep-alive time."""

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"sockname": ("127.0.0.1", 80), "peername": ("127.0.0.1", 1)}.get(name, default)


async def measure_one(job: Callable[[], Awaitable[None]], before: Callable[[], Awaitable[None]], times: int) -> float:
    """Seconds of processor time for one operation."""
    spent = 0.0
    gc.collect()
    for _ in range(times):
        await before()
        began = time.process_time()
        await job()
        spent += time.process_time() - began
    return spent / times


def show(title: str, taken: dict[str, list[float]]) -> None:
    """The median and the spread of each, and of the differences within a round from traces that are off."""
    table = Table("traces", title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("microseconds", "spread", "more, paired", "spread of that"):
        table.add_column(name, justify="right")
    off = taken["off"]
    for name, values in taken.items():
        more = [value - base for value, base in zip(values, off, strict=True)]
        table.add_row(
            name,
            f"{statistics.median(values) * 1e6:,.1f}",
            f"{min(values) * 1e6:,.1f} to {max(values) * 1e6:,.1f}",
            f"{statistics.median(more) * 1e6:+,.1f}",
            " to ".join(f"{quantile * 1e6:+,.1f}" for quantile in statistics.quantiles(more, n=4)[::2]),
        )
    console.print(table)
    console.print()


if __name__ == "__main__":
    main(sys.argv[1])
