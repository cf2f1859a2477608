"""The application behind every cache; the same behind ours, in one process; and one that does nothing but send.

Each answer carries a number of its own: who gets the same twice got it from a cache.
"""

import asyncio
from itertools import count
from typing import Any

from content.caching.edge import EdgeCache
from tests.benchmarks.served.pages import PAGES

Field = tuple[bytes, bytes]
# A page that takes so many seconds to make, and is fresh for three from then on.
SLOW, SECONDS = "/slow", 1.0
numbers = count(1)


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await alive(receive, send)
        return
    if scope["path"] == SLOW:
        await asyncio.sleep(SECONDS)
    body, fields = answer(scope["path"], dict(scope["headers"]))
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def answer(path: str, asked: dict[bytes, bytes]) -> tuple[bytes, list[Field]]:
    page = PAGES["/8k" if path.startswith("/many/") or path == SLOW else path]
    in_brotli = page.varies and b"br" in asked.get(b"accept-encoding", b"")
    body = page.compressed if in_brotli else page.body
    fields = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"max-age=3, stale-while-revalidate=600" if path == SLOW else b"max-age=3600"),
        (b"etag", b'"1-br"' if in_brotli else b'"1"'),
        (b"last-modified", b"Thu, 01 Jan 2026 00:00:00 GMT"),
        (b"x-number", b"%d" % next(numbers)),
    ]
    fields += [(b"vary", b"accept-encoding")] if page.varies else []
    fields += [(b"content-encoding", b"br")] if in_brotli else []
    return body, fields


async def alive(receive: Any, send: Any) -> None:
    for moment in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{moment}.complete"})


# Room for a hundred thousand pages.
cached = EdgeCache(application, memory=1536 * 1024 * 1024)


START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"8192")],
}
BODY = {"type": "http.response.body", "body": PAGES["/8k"].body}


async def empty(scope: Any, receive: Any, send: Any) -> None:
    """The smallest ASGI application: the lower bound of the table."""
    if scope["type"] == "lifespan":
        await alive(receive, send)
        return
    await send(START)
    await send(BODY)
