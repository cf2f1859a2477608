"""The application of the server processes: `app`.

GET /page/3 is a page behind the edge; PUT /page/3 makes its next version, and invalidates its tag (with `?soft`
expires it); POST /purge does so to all, without another version; POST /echo answers with what it was sent; GET
/process says who answers. The versions are in Redis.
"""

import os
from typing import Any

import django

django.setup()

import redis.asyncio  # noqa: E402

from content.caching import expire, invalidate  # noqa: E402
from content.caching.edge import EdgeCache, Profile  # noqa: E402
from tests.support.abuse.pages import body_of  # noqa: E402

# Seconds.
FRESH, STALE = 2, 3
CONTROL = f"max-age={FRESH}, stale-while-revalidate={STALE}"
NEVER = {"cache-control": "no-store"}

Answer = tuple[int, dict[str, str], bytes]


class Pages:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        status, fields, body = await self.answer(scope, await whole(receive))
        fields = {"content-length": str(len(body)), "content-type": "text/plain"} | fields
        headers = [(name.encode(), value.encode()) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def live(self, receive: Any, send: Any) -> None:
        self.redis = redis.asyncio.Redis.from_url(os.environ["RACE_REDIS"])
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await self.redis.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def answer(self, scope: Any, sent: bytes) -> Answer:
        end = expire if scope["query_string"] == b"soft" else invalidate
        match scope["method"], scope["path"].split("/")[1:]:
            case "GET" | "HEAD", ["page", number]:
                return await self.page(int(number))
            case "PUT", ["page", number]:
                version = await self.redis.incr(f"version:{number}")
                await end([f"page:{number}"])
                return 200, NEVER, str(version).encode()
            case "POST", ["purge"]:
                await end(["pages"])
                return 200, NEVER, b""
            case "POST", ["echo"]:
                return 200, NEVER, sent
            case "GET", ["process"]:
                return 200, NEVER, str(os.getpid()).encode()
        return 404, NEVER, b""

    async def page(self, number: int) -> Answer:
        version = int(await self.redis.get(f"version:{number}") or 0)
        about = {"cache-control": CONTROL, "etag": f'"{number}-{version}"', "cache-tag": f"pages, page:{number}"}
        return 200, about, body_of(number, version)


async def whole(receive: Any) -> bytes:
    sent, more = b"", True
    while more:
        message = await receive()
        sent, more = sent + message.get("body", b""), message.get("more_body", False)
    return sent


app = EdgeCache(Pages(), cache="default", profile=Profile(codings=("br", "zstd", "gzip"), invalidates=False))
