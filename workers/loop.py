"""One event loop for the life of a worker process: its connections and locks are made once, not for each task."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

T = TypeVar("T")

# Seconds. Below the time limit of a task, so that no work stays on the loop after its task was killed.
MAX_SECONDS = 230.0


class WorkerLoop:
    """A loop in a thread of its own, started on first use: a forked process never uses the loop of its parent."""

    def __init__(self) -> None:
        self.process: int | None = None
        self.lock = threading.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None

    def run(self, work: Coroutine[Any, Any, T], timeout: float = MAX_SECONDS) -> T:
        """Run it on the loop. After `timeout` seconds it is cancelled, and TimeoutError raised."""
        future = asyncio.run_coroutine_threadsafe(with_fresh_connections(work), self.start())
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    def start(self) -> asyncio.AbstractEventLoop:
        """Returns the running loop of this process."""
        with self.lock:
            if self.loop is None or self.process != os.getpid():
                self.loop, self.process = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=self.loop.run_forever, name="worker loop", daemon=True).start()
            return self.loop


async def with_fresh_connections(work: Coroutine[Any, Any, T]) -> T:
    """The ORM uses one thread for all work of a loop. Close its connections past CONN_MAX_AGE, as requests do."""
    await sync_to_async(close_old_connections)()
    try:
        return await work
    finally:
        await sync_to_async(close_old_connections)()


worker_loop = WorkerLoop()
run = worker_loop.run
