"""A hundred thousand pages in the memory of one process: what they take, and whether hits are slower for them."""

import asyncio
import gc
import os
import random
from pathlib import Path
from typing import Any

import uvicorn
from rich.table import Table
from uvicorn.server import ServerState

from content.caching.edge import EdgeCache
from content.caching.edge.protocol import EdgeProtocol
from tests.benchmarks.rounds import Job, console, measure, show

FEW, MANY = 10, 100_000
LENGTH = 8192
MEMORY = 1280 * 1024 * 1024
HITS = 50_000


async def run(_: str) -> None:
    edge = EdgeCache(page, memory=MEMORY)
    before = resident()
    protocol = connection(edge)
    for number in range(MANY):
        protocol.data_received(request(number))
        await asyncio.gather(*protocol.tasks)
    all_of_them = random.Random(1).choices(range(MANY), k=HITS)
    jobs = {f"of {FEW} pages": hits(protocol, range(FEW)), f"of {MANY:,} pages": hits(protocol, all_of_them)}
    for number in range(MANY):
        protocol.data_received(request(number))
    gc.collect()
    tell(edge, resident() - before)
    show("Plain hits, without sockets", await measure(jobs), f"of {FEW} pages")


async def page(scope: Any, receive: Any, send: Any) -> None:
    body = os.urandom(LENGTH // 2).hex().encode()
    fields = [(b"content-type", b"text/html"), (b"cache-control", b"max-age=3600"), (b"etag", b'"1"')]
    await send({"type": "http.response.start", "status": 200, "headers": [*fields, (b"content-length", b"8192")]})
    await send({"type": "http.response.body", "body": body})


class Nowhere(asyncio.Transport):
    """Takes all that is written."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 80)}.get(name, default)

    def write(self, data: Any) -> None:
        pass

    def writelines(self, data: Any) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def connection(edge: EdgeCache) -> EdgeProtocol:
    config = uvicorn.Config(edge, http=EdgeProtocol, lifespan="off", log_config=None, access_log=False)
    config.load()
    protocol = EdgeProtocol(config, ServerState(), {})
    protocol.connection_made(Nowhere())
    return protocol


def request(number: int) -> bytes:
    return f"GET /posts/{number}/ HTTP/1.1\r\nHost: site\r\nUser-Agent: bench\r\n\r\n".encode()


def hits(protocol: EdgeProtocol, numbers: Any) -> Job:
    asked = [request(number) for number in numbers]

    async def job() -> int:
        for _ in range(HITS // len(asked)):
            for each in asked:
                protocol.data_received(each)
        assert not protocol.tasks, "not a hit"
        return HITS

    return job


def resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def tell(edge: EdgeCache, taken: int) -> None:
    memory = edge.engine.memory
    assert memory is not None
    table = Table("", title=f"{MANY:,} pages of 8 KB", title_justify="left", box=None, pad_edge=False)
    table.add_column("", justify="right")
    table.add_row("in memory", f"{len(memory):,}")
    table.add_row("counted, bytes a page", f"{memory.bytes / len(memory):,.0f}")
    table.add_row("resident, bytes a page", f"{taken / len(memory):,.0f}")
    table.add_row("resident to counted", f"{taken / memory.bytes:.3f}")
    console.print(table)
    console.print()
