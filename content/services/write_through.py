"""What was written is made again at once: its next reader finds it, and waits for nothing.

It is a load like any other, begun behind the own record in the log (docs/protocol.md, rule 6): of two writers at the
same time the later one's words stay, whoever makes the page.
"""

import asyncio
import logging

from asgiref.sync import async_to_sync
from django.db import transaction

from content.warming import pages, warm

logger = logging.getLogger(__name__)

# Seconds that a writer waits for it.
LONGEST = 5.0


def write_through(path: str, origin: str) -> None:
    """Make and keep the page at that path, and all that it is made of, once the current transaction has committed and
    said what it changed; for who comes by `origin` (https://example.org) and by those that are warmed in any case.

    Call it last in the transaction. What goes wrong is logged: the write is done, and no error of the writer's.
    """
    transaction.on_commit(lambda: make(path, origin))


def make(path: str, origin: str) -> None:
    try:
        async_to_sync(made)(path, origin)
    except Exception:
        logger.exception("%s could not be made at once: its first reader will have it made", path)


async def made(path: str, origin: str) -> None:
    async with asyncio.timeout(LONGEST):
        report = await warm(pages.planned([path], also=origin))
    for target, reason in report.failures.items():
        logger.warning("%s could not be made at once: %s", target, reason)
