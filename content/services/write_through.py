"""Write-through: a page is rendered and stored right after a write, so that its next reader waits for nothing.

It is a load like any other, begun after the write's own record in the log (docs/protocol.md, rule 6). If two write
at the same time, the later text stays.
"""

import asyncio
import logging

from asgiref.sync import async_to_sync
from django.db import transaction

from content.warming import warm
from content.warming.targets import plan_pages

logger = logging.getLogger(__name__)

# Seconds that a writer waits.
TIMEOUT = 5.0


def write_through(path: str, origin: str) -> None:
    """Store the page at that path, and all that it is made of, after the commit of the current transaction.

    It is stored for `origin` (https://example.org) and for the origins that are warmed. Call this last in the
    transaction. Failures are logged and not raised, because the write is done.
    """
    transaction.on_commit(lambda: refresh_page(path, origin))


def refresh_page(path: str, origin: str) -> None:
    try:
        async_to_sync(warm_page)(path, origin)
    except Exception:
        logger.exception("Cannot store %s after a write. Its next reader waits for it.", path)


async def warm_page(path: str, origin: str) -> None:
    async with asyncio.timeout(TIMEOUT):
        report = await warm(await plan_pages([path], also=origin))
    for target, reason in report.failures.items():
        logger.warning("Cannot store %s after a write (%s). Its next reader waits for it.", target, reason)
