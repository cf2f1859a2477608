"""The first page that a process makes, which nobody reads.

It imports views, compiles templates and connects to the database: 0.25 s in which the process would serve nobody.
"""

import asyncio
import logging
import time
from typing import Any

from django.conf import settings
from django.urls import get_resolver

from content.warming.origins import origins_of_site
from content.warming.targets import edge, scope_of

logger = logging.getLogger(__name__)

# Seconds. A process is ready then, even if the page is not made.
LONGEST = 2.0


async def make_first_page(*, seconds: float = LONGEST) -> int | None:
    """Make the front page as for a reader, and store nothing. Returns its status.

    None if it was not made: without an edge, before any reader has come, or since it failed or took too long.
    """
    list(get_resolver().url_patterns)
    origins = await origins_of_site() if settings.EDGE else []
    if not origins:
        return None
    began, statuses = time.monotonic(), list[int]()

    async def receive() -> dict[str, Any]:
        return requests.pop() if requests else await asyncio.Future()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    requests = [{"type": "http.request", "body": b"", "more_body": False}]
    try:
        async with asyncio.timeout(seconds):
            await edge().app(scope_of(f"{origins[0]}/"), receive, send)
    except Exception as error:
        logger.warning("The first page could not be made; the first reader makes it: %r", error)
        return None
    logger.info("The first page was made in %.2f s.", time.monotonic() - began)
    return statuses[0]
