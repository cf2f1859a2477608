"""The messages between processes through the channel layer: to look again at what Redis or the database has.

The layer may lose messages, and be down. So listeners look now and then without a message, too.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer

from content.caching.lasting_loop import lasting_loop
from content.caching.metrics.events import emit

logger = logging.getLogger(__name__)

GROUP = "evergreen.live"
# Seconds for a message to be sent; until a lost connection is tried again; between two entries into the group, which
# a flush of Redis ends; and between two warnings.
SEND_SECONDS, RETRY_AFTER, RENEW_EVERY, WARN_EVERY = 1.0, 0.5, 10.0, 60.0

Listen = Callable[[dict[str, Any]], None]


class Mailbox:
    """The channel of one event loop of this process. It is in the group while somebody listens."""

    def __init__(self) -> None:
        self.name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.listeners: list[Listen] = []
        self.task: asyncio.Task[None] | None = None
        self.is_lost = asyncio.Event()
        self.warned_at = float("-inf")

    def open(self, listen: Listen) -> None:
        self.listeners.append(listen)
        if self.task is None:
            self.task = asyncio.ensure_future(self._run())

    def close(self, listen: Listen) -> None:
        self.listeners.remove(listen)
        if not self.listeners and self.task is not None:
            self.task.cancel()
            self.task = None

    async def _run(self) -> None:
        layer = get_channel_layer()
        if layer is None:
            return
        channel = await layer.new_channel()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._repeat(lambda: self._enter(layer, channel)))
                group.create_task(self._repeat(lambda: self._receive(layer, channel)))
        finally:
            # If the layer is down, the channel leaves the group by its expiry.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(SEND_SECONDS):
                    await layer.group_discard(GROUP, channel)

    async def _repeat(self, step: Callable[[], Any]) -> None:
        while True:
            try:
                await step()
            except Exception as error:
                self.count_failure("receive", error)
                await asyncio.sleep(RETRY_AFTER)

    async def _enter(self, layer: Any, channel: str) -> None:
        """A Redis that has started anew does not know the group."""
        self.is_lost.clear()
        await layer.group_add(GROUP, channel)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RENEW_EVERY):
                await self.is_lost.wait()

    async def _receive(self, layer: Any, channel: str) -> None:
        try:
            message = await layer.receive(channel)
        except Exception:
            self.is_lost.set()
            raise
        if message.get("sender") != self.name:
            for listen in list(self.listeners):
                listen(message)

    async def announce(self, **content: Any) -> bool:
        """Whether the layer took it. Never raises."""
        layer = get_channel_layer()
        if layer is None:
            return False
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await layer.group_send(GROUP, {"sender": self.name, **content})
        except Exception as error:
            self.count_failure("send", error)
            return False
        return True

    def count_failure(self, what: str, error: Exception) -> None:
        emit("layer failed", "live", tier=what)
        if time.monotonic() - self.warned_at >= WARN_EVERY:
            self.warned_at = time.monotonic()
            logger.warning(
                "Cannot reach the channel layer (%s: %s). Dashboards look every second without it, and editors "
                "see each other some seconds later; retrying. Check EVERGREEN_CHANNELS_URL or REDIS_URL.",
                type(error).__name__,
                error,
            )


_mailboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Mailbox] = WeakKeyDictionary()


def mailbox() -> Mailbox:
    """The mailbox of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _mailboxes:
        _mailboxes[loop] = Mailbox()
    return _mailboxes[loop]


def announce_from_thread(**content: Any) -> None:
    """Never waits, and never raises: a save must not take longer because a Redis is down.

    A loop that listens sends it, since a layer in memory belongs to its loop. Its listeners get it at once.
    """
    loops = [loop for loop, box in list(_mailboxes.items()) if box.listeners and not loop.is_closed()]
    asyncio.run_coroutine_threadsafe(_announce(content), loops[0] if loops else lasting_loop())


async def _announce(content: dict[str, Any]) -> None:
    box = mailbox()
    for listen in list(box.listeners):
        listen(content)
    await box.announce(**content)
