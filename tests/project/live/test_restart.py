"""A restart with viewers, one of them frozen: all get a close frame, come back and are right again; nothing hangs."""

import asyncio
import signal

import pytest

from tests.support.live import live_site
from tests.support.wait import wait_until_async

pytestmark = pytest.mark.long

VIEWERS = 30


async def test_viewers_come_back_after_a_restart_and_a_frozen_one_delays_nothing(tmp_path):
    with live_site(tmp_path / "state", with_redis=False) as site:
        async with site.connect("ann") as frozen:
            # It reads nothing from now on, and answers no close frame.
            frozen.connection.transport.pause_reading()
            old = [asyncio.create_task(watch(site)) for _ in range(VIEWERS)]
            async with site.connect("ann") as client:
                await client.times(2)
            site.service.process.send_signal(signal.SIGHUP)
            assert await asyncio.gather(*old) == [1012] * VIEWERS
            new = [asyncio.create_task(watch(site, states=2)) for _ in range(VIEWERS)]
            assert await asyncio.gather(*new) == [None] * VIEWERS
            await wait_until_async(lambda: "Restarted:" in site.service.terminal, "the old process has ended")
            site.service.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(site.service.wait)
            frozen.connection.transport.abort()
    # uvicorn says so of what it has waited for in vain; the parent of what it has killed.
    assert "timeout graceful shutdown exceeded" not in site.service.terminal
    assert "Traceback" not in site.service.terminal


async def watch(site, states: int | None = None) -> int | None:
    """The code with which the server closes; None after so many states."""
    async with site.connect("bob") as client:
        if states is None:
            return await client.code()
        await client.times(states)
        return None
