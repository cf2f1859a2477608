"""Parts that the parent of `manage.py serve` shares with `manage.py up`. It loads no Django."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

STEADY_SECONDS = 10.0
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0


class CannotStart(Exception):
    """Why the service cannot be started, and what to do."""


class RestartBackoff:
    """The delay before a dead process is started again: none, 0.5 s, 1 s, 2 s, up to 30 s.

    A process that has run for ten seconds resets it.
    """

    def __init__(self) -> None:
        self.failures = 0

    def delay_after(self, seconds: float) -> float:
        """Seconds to wait, after a process died that had run for `seconds`."""
        self.failures = 0 if seconds >= STEADY_SECONDS else self.failures + 1
        return 0.0 if self.failures < 2 else float(min(FIRST_DELAY * 2 ** (self.failures - 2), LONGEST_DELAY))


def describe_exit(status: int | None) -> str:
    """`was killed by SIGKILL` or `ended with exit status 1`."""
    if status is not None and status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"


async def run_until_first(*works: Coroutine[Any, Any, Any]) -> None:
    """Returns when one of them returns, and raises what it raises. The others are cancelled."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
