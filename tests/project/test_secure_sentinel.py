"""Sentinel with TLS, and passwords that differ for servers and sentinels: each client of Redis that the site has."""

import contextlib
import gc
from urllib.parse import quote

import pytest
from asgiref.sync import sync_to_async
from celery import Celery
from channels.layers import ChannelLayerManager
from django.core.cache import caches
from redis.exceptions import RedisError

from content.caching.backends.server import server_at
from project.caches import cache_settings
from project.channels import channel_layers
from tests.support.servers.sentinel import PASSWORD, SENTINEL_PASSWORD, running_sentinels
from tests.support.wait import wait_until
from workers.broker import install, servers_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def secure_sentinels():
    with running_sentinels(is_secure=True) as servers:
        yield servers


async def test_the_cache_async_and_sync(secure_sentinels, settings):
    settings.CACHES = {"default": cache_settings(secure_sentinels.url, "", 1024 * 1024, {"SOCKET_TIMEOUT": 5.0})}
    await caches["default"].aset("key", "value")
    assert await caches["default"].aget("key") == "value"
    assert await sync_to_async(caches["default"].get)("key") == "value"


async def test_the_log_and_what_else_opens_a_server_by_its_url(secure_sentinels):
    server = server_at(secure_sentinels.url, timeout=5.0)
    with server.sync_client() as client:
        assert client.ping()
    async with server.client() as client:
        assert await client.ping()


# Channels leaves its connections to sentinels to the collector. This test collects them, not a later one.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_the_channel_layer(secure_sentinels, settings):
    settings.CHANNEL_LAYERS = channel_layers(secure_sentinels.url, "tests", 5.0)
    layer = ChannelLayerManager()["default"]
    await layer.send("one", {"type": "news"})
    assert await layer.receive("one") == {"type": "news"}
    await layer.close_pools()
    del layer
    gc.collect()


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
def test_broker_and_results(secure_sentinels):
    install()
    servers = servers_of(secure_sentinels.url)
    app = Celery("site", broker=servers.url)
    app.conf.update(
        broker_transport_options=servers.options,
        result_backend=servers.url,
        result_backend_transport_options=servers.options,
        **servers.tls_settings(),
    )
    app.send_task("work", queue="of the test")
    with app.connection_for_read() as connection:
        assert connection.SimpleQueue("of the test").get(timeout=10).headers["task"] == "work"
    app.backend.store_result("7", "done", "SUCCESS")
    assert app.AsyncResult("7").get(timeout=10) == "done"


@pytest.mark.parametrize("secret", [PASSWORD, SENTINEL_PASSWORD])
def test_one_password_does_not_stand_for_the_other(secure_sentinels, secret):
    """Each is refused where the other belongs; no error shows one."""
    wrong = secure_sentinels.url.replace(quote(secret, safe=""), "wrong")
    with pytest.raises(RedisError) as raised, server_at(wrong, timeout=5.0).sync_client() as client:
        client.ping()
    assert secret not in str(raised.value)


async def test_a_failover_is_followed_by_a_client_that_was_open(secure_sentinels):
    with server_at(secure_sentinels.url, timeout=5.0).sync_client() as client:
        client.set("key", "value")
        client.wait(1, 5000)
        before = secure_sentinels.master_port()
        secure_sentinels.fail_over()
        wait_until(lambda: secure_sentinels.master_port() not in (0, before), "another master")

        def has_value() -> bool:
            with contextlib.suppress(RedisError):
                return client.get("key") == b"value"
            return False

        wait_until(has_value, "the client follows")
