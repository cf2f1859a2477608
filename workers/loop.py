"""One event loop a worker process, for its whole life: what belongs to a loop is made once, not once a task."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from django.db import close_old_connections

T = TypeVar("T")

# Below the task's own time limit, so that the loop is never left with work nobody waits for.
LONGEST_RUN = 230.0


class WorkerLoop:
    """A loop in a thread of its own, begun when first used: a forked process never uses its parent's."""

    def __init__(self) -> None:
        self.process: int | None = None
        self.lock = threading.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None

    def run(self, work: Coroutine[Any, Any, T], timeout: float = LONGEST_RUN) -> T:
        """Run it to its end on the loop. TimeoutError, and the work cancelled, after `timeout` seconds."""
        future = asyncio.run_coroutine_threadsafe(with_fresh_connections(work), self.running())
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    def running(self) -> asyncio.AbstractEventLoop:
        with self.lock:
            if self.loop is None or self.process != os.getpid():
                self.loop, self.process = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=self.loop.run_forever, name="worker loop", daemon=True).start()
            return self.loop


async def with_fresh_connections(work: Coroutine[Any, Any, T]) -> T:
    """The ORM runs on one thread for all work of a loop: there, too, connections end at their age."""
    from asgiref.sync import sync_to_async

    await sync_to_async(close_old_connections)()
    try:
        return await work
    finally:
        await sync_to_async(close_old_connections)()


worker_loop = WorkerLoop()
run = worker_loop.run
