"""Rows as pages behind an edge on Redis, for servers of several processes: `app`.

`/row/3` is made of the resource of a row, and ends with its tags; `/plain/3` reads the database itself, and names its
tag. Both tell the row as it was read. Options of the race come in JSON, from the environment.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import django

django.setup()

import msgspec  # noqa: E402
from asgiref.sync import sync_to_async  # noqa: E402
from django.db import close_old_connections  # noqa: E402

from content.caching.edge import EdgeCache  # noqa: E402
from tests.support.engine import tag_index_of  # noqa: E402
from tests.support.race.history import Run, now  # noqa: E402
from tests.support.race.racer import Racer, Row  # noqa: E402
from tests.support.race.registers import aread  # noqa: E402

# The process that answered, and how far it had read the log when it was asked.
WITNESS = b"witness"


class Pages:
    """The application, which notes each of its runs. `takes`: seconds at least."""

    def __init__(self, racer: Racer) -> None:
        self.racer = racer
        self.takes = racer.options.get("takes", 0.01)
        self.kinds: dict[str, Callable[[int], Awaitable[Row]]] = {"row": racer.row.get, "plain": plain}
        fresh, stale, error = (int(racer.options.get(name, 0)) for name in ("ttl", "stale_ttl", "error_ttl"))
        self.control = f"max-age={fresh}, stale-while-revalidate={stale}, stale-if-error={error}".encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        kind, _, number = scope["path"][1:].partition("/")
        status, headers, body = await self.make(kind, int(number)) if kind in self.kinds else (404, [], b"")
        headers = [(b"content-length", str(len(body)).encode()), *headers]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def live(self, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        self.racer.journal.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def make(self, kind: str, number: int) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """An error is a 500, as in Django."""
        began = now()
        try:
            row = await self.kinds[kind](number)
            await asyncio.sleep(self.takes)
        except Exception:
            return 500, [], b""
        finally:
            self.racer.journal.note(Run(self.racer.process, began, now(), number, kind))
        tags = [(b"cache-tag", f"row:{number}".encode())] if kind == "plain" else []
        return 200, [(b"cache-control", self.control), *tags], msgspec.json.encode(row)


async def plain(number: int) -> Row:
    """Without a resource. A broken connection is closed after the request, as Django does."""
    try:
        return Row(number, await aread(number), now())
    finally:
        await sync_to_async(close_old_connections)()


class Witnessed:
    """The edge with a field about this process, for hits as well."""

    def __init__(self, edge: EdgeCache) -> None:
        self.edge = edge

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.edge(scope, receive, send)
            return
        milliseconds, number = tag_index_of(self.edge.engine).tail
        witness = (WITNESS, f"{os.getpid()} {milliseconds} {number}".encode())

        async def add_witness(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], witness]}
            await send(message)

        await self.edge(scope, receive, add_witness)


def racer_of_this_process() -> Racer:
    options = json.loads(os.environ["RACE_OPTIONS"])
    return Racer(options | {"journal": f"{options['journal']}-{os.getpid()}.jsonl"})


app = Witnessed(EdgeCache(Pages(racer_of_this_process()), cache="default"))
