"""An application with pages of numbers behind an edge on Redis, for servers of several processes: `app`.

Each page says how often its number was written; each run of the application is counted in Redis, as a page's is.
"""

import asyncio
import os

import django
import redis.asyncio

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.support.race.settings")
django.setup()

from content.caching.edge import EdgeCache  # noqa: E402

CONTROL = b"max-age=5, stale-while-revalidate=2, stale-if-error=60"
# Past all that the tests do to the other: what it says is the truth.
store = redis.asyncio.from_url(os.environ["TRUTH"])


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    number = scope["path"].rpartition("/")[2]
    await store.incr(f"runs:{number}")
    value = await store.get(f"value:{number}") or b"0"
    await asyncio.sleep(float(os.environ.get("TAKES", "0.01")))
    headers = [
        (b"content-length", str(len(value)).encode()),
        (b"cache-control", CONTROL),
        (b"cache-tag", b"row:" + number.encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": value})


app = EdgeCache(application, cache="default")
