"""Wait until the changes that are committed now have been relayed to the log."""

import asyncio
import time

from asgiref.sync import sync_to_async

from .models import WatchedChange

# Seconds: a writer has died, or Redis takes nothing.
LONGEST = 5.0
POLL = 0.05
MOST_ROWS = 1000


async def changes_are_relayed(using: str = "default", seconds: float = LONGEST) -> bool:
    """Whether all rows that wait in the outbox now were relayed within that time."""
    end, waiting = time.monotonic() + seconds, await _waiting(using)
    if len(waiting) >= MOST_ROWS:
        return False
    while waiting:
        if time.monotonic() > end:
            return False
        await asyncio.sleep(POLL)
        waiting &= await _waiting(using)
    return True


@sync_to_async
def _waiting(using: str) -> set[int]:
    rows = WatchedChange.objects.using(using).filter(epoch="")
    return set(rows.values_list("pk", flat=True)[:MOST_ROWS])
