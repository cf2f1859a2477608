"""Messages between processes: they arrive through Redis and Sentinel, and a layer that is down is nobody's error."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.layers import get_channel_layer

from content.caching.metrics.events import listen
from content.ops.live.layer import Mailbox, announce_from_thread, mailbox
from project.channels import IN_MEMORY, IN_REDIS, channel_layers, choose_url
from tests.support.caches import new_prefix
from tests.support.servers.process import free_port
from tests.support.servers.redis import running_redis
from tests.support.servers.sentinel import running_sentinels
from tests.support.wait import wait_until_async


@pytest.fixture
def use_layer(settings):
    def use(url: str) -> None:
        settings.CHANNEL_LAYERS = channel_layers(url, new_prefix(), 1.0)

    return use


@asynccontextmanager
async def closing_layer(*boxes: Mailbox) -> AsyncIterator[None]:
    try:
        yield
    finally:
        tasks = [box.task for box in boxes if box.task is not None]
        for box in boxes:
            for listener in list(box.listeners):
                box.close(listener)
        await asyncio.wait(tasks)
        layer = get_channel_layer()
        if hasattr(layer, "close_pools"):
            await close_sentinels(layer)
            await layer.close_pools()


async def close_sentinels(layer: Any) -> None:
    """The layer does not: its connections to them end with the process."""
    for connections in list(layer._layers.values()):
        for client in connections._connections.values():
            manager = getattr(client.connection_pool, "sentinel_manager", None)
            for sentinel in manager.sentinels if manager is not None else ():
                await sentinel.aclose()


async def exchange() -> None:
    """One mailbox tells another, and not itself."""
    one, other = Mailbox(), Mailbox()
    heard: list[str] = []
    async with closing_layer(one, other):
        one.open(lambda message: heard.append("one"))
        other.open(lambda message: heard.append(message["kind"]))

        async def is_heard() -> bool:
            await one.announce(kind="look")
            await asyncio.sleep(0.01)
            return "look" in heard

        await wait_until_async(is_heard, "the message has arrived")
        assert "one" not in heard


async def test_messages_arrive_in_memory(use_layer):
    use_layer("")
    await exchange()


async def test_messages_arrive_through_redis(use_layer, fresh_redis):
    use_layer(fresh_redis)
    await exchange()


def test_messages_arrive_through_sentinel(use_layer):
    with running_sentinels() as watched:
        use_layer(watched.url)
        asyncio.run(exchange())


async def test_they_arrive_again_when_the_layer_was_down(use_layer):
    port = free_port()
    use_layer(f"redis://127.0.0.1:{port}/0")
    one, other = Mailbox(), Mailbox()
    heard: list[str] = []
    async with closing_layer(other):
        with listen() as events:
            other.open(lambda message: heard.append(message["kind"]))
            assert await one.announce(kind="look") is False
            assert events["layer failed", "live", "send"] == 1
        with running_redis(port=port):

            async def is_heard() -> bool:
                await one.announce(kind="look")
                await asyncio.sleep(0.01)
                return bool(heard)

            await wait_until_async(is_heard, "the message has arrived")


async def test_a_thread_neither_waits_nor_fails_without_a_layer(use_layer):
    use_layer(f"redis://127.0.0.1:{free_port()}/0")
    heard: list[dict] = []
    listener = heard.append
    mailbox().open(listener)
    async with closing_layer(mailbox()):
        thread = threading.Thread(target=announce_from_thread, kwargs={"kind": "post", "post": 7})
        thread.start()
        thread.join()
        await wait_until_async(lambda: heard, "listeners of this process are told at once")
        assert heard == [{"kind": "post", "post": 7}]


async def test_a_task_of_the_layer_in_the_background_raises_nothing(use_layer):
    """Nobody awaits it: an error would be a traceback in the log."""
    use_layer(f"redis://127.0.0.1:{free_port()}/0")
    layer = get_channel_layer()
    await layer._clean_receive_backup(0, b"queue")
    await layer.close_pools()


@pytest.mark.parametrize(
    ("redis_url", "cache_url", "chosen"),
    [
        ("redis://one/0", "redis://two/0", "redis://one/0"),
        ("", "redis://two/0", "redis://two/0"),
        ("", "redis+sentinel://two/service/0", "redis+sentinel://two/service/0"),
        ("", "redis+cluster://two", ""),
        ("", "locmem://x", ""),
        ("", "memcached://x", ""),
    ],
)
def test_the_layer_is_in_the_redis_that_a_site_has(redis_url, cache_url, chosen):
    assert choose_url(redis_url, cache_url) == chosen
    layer = channel_layers(chosen, "site", 1.0)["default"]
    assert layer["BACKEND"] == (IN_REDIS if chosen else IN_MEMORY)
    # So many messages and seconds at most: no process fills the Redis of the layer.
    bounds = {"capacity": 100, "expiry": 10, "group_expiry": 60}
    if not chosen:
        assert layer["CONFIG"] == bounds
        return
    (host,) = layer["CONFIG"].pop("hosts")
    assert layer["CONFIG"] == bounds | {"prefix": "site:channels"}
    assert (host["socket_connect_timeout"], host["socket_timeout"]) == (1.0, 8.0)


def test_a_sentinel_url_gives_login_database_and_tls():
    url = "rediss+sentinel://user:p%40ss@one:1,two/service/3"
    host = channel_layers(url, "site", 1.0)["default"]["CONFIG"]["hosts"][0]
    assert (host["master_name"], host["sentinels"]) == ("service", [("one", 1), ("two", 26379)])
    assert (host["username"], host["password"], host["db"], host["ssl"]) == ("user", "p@ss", 3, True)
