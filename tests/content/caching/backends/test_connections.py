"""Connections: how they open, how callers see errors, and that none stays open."""

import asyncio
import gc
import os
import signal
import threading
import time

import pytest
import redis
import uvloop
from asgiref.sync import async_to_sync
from django.core.cache import caches
from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.support.servers.redis import running_redis
from tests.support.wait import wait_until, wait_until_async


def clients_of(server) -> list[dict]:
    with server.client() as client:
        own = client.client_id()
        return [each for each in client.client_list() if int(each["id"]) != own]


# --- opening --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_on_every_event_loop(open_cache, own_redis, factory):
    cache = open_cache(own_redis.url)

    async def use() -> list[int]:
        await cache.aset_many({"a": 1, "b": 2})
        return await asyncio.gather(cache.aget("a"), cache.aget("b"))

    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(use()) == [1, 2]
    wait_until(lambda: clients_of(own_redis) == [], "the connection is closed")


async def test_a_password(open_cache):
    with running_redis(password="open sesame") as server:
        cache = open_cache(f"redis://:open%20sesame@127.0.0.1:{server.port}/0")
        assert await cache.aset("key", 1)
        assert cache.get("key") == 1
        by_option = open_cache(f"redis://127.0.0.1:{server.port}/0", prefix=cache.key_prefix, PASSWORD="open sesame")
        assert await by_option.aget("key") == 1
        wrong = open_cache(f"redis://:wrong@127.0.0.1:{server.port}/0")
        with pytest.raises(AuthenticationError):
            await wrong.aget("key")
        none = open_cache(f"redis://127.0.0.1:{server.port}/0")
        with pytest.raises(AuthenticationError):
            await none.aget("key")


async def test_an_acl_user(open_cache, own_redis):
    with own_redis.client() as client:
        client.acl_setuser("reader", enabled=True, passwords=["+secret"], keys=["*"], commands=["+get", "+ping"])
    cache = open_cache(f"redis://reader:secret@127.0.0.1:{own_redis.port}/0")
    assert await cache.aget("key") is None
    with pytest.raises(NoPermissionError):
        await cache.aset("key", 1)
    assert await cache.aget("key") is None


async def test_a_database_number(open_cache, own_redis):
    cache = open_cache(f"redis://127.0.0.1:{own_redis.port}/3")
    await cache.aset("key", 1)
    assert cache.get("key") == 1
    with redis.Redis(port=own_redis.port, db=3) as third, own_redis.client() as zeroth:
        assert third.dbsize() == 1
        assert zeroth.dbsize() == 0


async def test_a_unix_socket(open_cache, tmp_path_factory):
    path = f"/tmp/evergreen-{os.getpid()}.sock"
    with running_redis("--unixsocket", path):
        cache = open_cache(f"unix://{path}?db=1")
        await cache.aset("key", 1)
        assert cache.get("key") == 1
        assert await cache.aget("key") == 1


async def test_tls(open_cache, tmp_path):
    import trustme

    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    files = {name: str(tmp_path / name) for name in ("ca.pem", "cert.pem", "key.pem")}
    authority.cert_pem.write_to_path(files["ca.pem"])
    certificate.cert_chain_pems[0].write_to_path(files["cert.pem"])
    certificate.private_key_pem.write_to_path(files["key.pem"])
    from tests.support.servers.process import free_port

    port = free_port()
    tls = ["--tls-port", str(port), "--tls-cert-file", files["cert.pem"], "--tls-key-file", files["key.pem"]]
    with running_redis(*tls, "--tls-ca-cert-file", files["ca.pem"], "--tls-auth-clients", "no"):
        cache = open_cache(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={files['ca.pem']}")
        await cache.aset("key", 1)
        assert cache.get("key") == 1
        assert await cache.aget("key") == 1
        distrusting = open_cache(f"rediss://127.0.0.1:{port}/0")
        with pytest.raises(RedisConnectionError, match="certificate"):
            await distrusting.aget("key")


# --- errors ---------------------------------------------------------------------------------------------


async def test_callers_do_not_notice_a_killed_connection(open_cache, own_redis):
    cache = open_cache(own_redis.url)
    await cache.aset("key", 1)
    with own_redis.client() as client:
        for _ in range(5):
            client.client_kill_filter(_type="normal", skipme=True)
            assert await asyncio.gather(*(cache.aget("key") for _ in range(20))) == [1] * 20
    assert len(clients_of(own_redis)) == 1


async def test_an_unreachable_server_is_an_error_at_once(open_cache):
    cache = open_cache("redis://127.0.0.1:1/0")
    began = time.monotonic()
    answers = await asyncio.gather(*(cache.aget("key") for _ in range(50)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {RedisConnectionError}
    assert time.monotonic() - began < 3


async def test_a_hanging_server_is_a_timeout_for_all_callers(open_cache, own_redis):
    cache = open_cache(own_redis.url, SOCKET_TIMEOUT=0.2)
    await cache.aset("key", 1)
    os.kill(own_redis.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        answers = await asyncio.gather(*(cache.aget("key") for _ in range(50)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {RedisTimeoutError}
        # All wait for one timeout at the same time. One after the other they would take ten seconds.
        assert time.monotonic() - began < 5
    finally:
        os.kill(own_redis.process.pid, signal.SIGCONT)
    assert await cache.aget("key") == 1


async def test_a_restarted_server_is_used_again(open_cache):
    with running_redis() as server:
        cache = open_cache(server.url)
        await cache.aset("key", 1)
    with pytest.raises(RedisConnectionError):
        await cache.aget("key")
    with running_redis(port=server.port):
        await cache.aset("key", 2)
        assert await cache.aget("key") == 2


async def test_ignore_exceptions(open_cache):
    cache = open_cache("redis://127.0.0.1:1/0", IGNORE_EXCEPTIONS=True)
    assert await cache.aget("key", "default") == "default"
    assert not await cache.aset("key", 1)
    assert await cache.aget_many(["a", "b"]) == {}
    assert await cache.aset_many({"a": 1}) == ["a"]
    assert not await cache.adelete("key")
    assert not await cache.ahas_key("key")


async def test_a_full_server_still_answers_reads(open_cache, own_redis):
    cache = open_cache(own_redis.url)
    await cache.aset("key", 1)
    with own_redis.client() as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(OutOfMemoryError):
            await cache.aset("key", 2)
        assert await cache.aget("key") == 1
        client.config_set("maxmemory", 0)
    assert await cache.aset("key", 3)


async def test_a_readonly_error_closes_the_connection(open_cache, own_redis):
    """Behind a DNS name or a proxy, the next connection may reach the new primary."""
    with running_redis() as other:
        cache = open_cache(own_redis.url)
        await cache.aset("key", 1)
        with own_redis.client() as client:
            client.replicaof("127.0.0.1", str(other.port))
            before = {each["id"] for each in clients_of(own_redis)}
            with pytest.raises(RedisError):
                await cache.aset("key", 2)
            client.replicaof("NO", "ONE")
            assert await cache.aset("key", 3)
            assert not before & {each["id"] for each in clients_of(own_redis) if each["cmd"] == "set"}


async def test_a_server_that_is_not_redis_is_a_connection_error(open_cache):
    async def talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk_nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        cache = open_cache(f"redis://127.0.0.1:{port}/0")
        with pytest.raises(RedisConnectionError):
            await cache.aget("key")


async def test_idle_connections_are_pinged(open_cache, own_redis):
    cache = open_cache(own_redis.url, HEALTH_CHECK_INTERVAL=0.05)
    await cache.aget("key")
    with own_redis.client() as client:
        client.config_resetstat()

        def pings() -> int:
            return client.info("commandstats").get("cmdstat_ping", {"calls": 0})["calls"]

        await wait_until_async(lambda: pings() >= 3, "the connection is pinged three times")


# --- closing --------------------------------------------------------------------------------------------


def test_connections_close_with_their_loop(open_cache, own_redis):
    cache = open_cache(own_redis.url)
    for number in range(30):
        asyncio.run(cache.aset("key", number))
    for _ in range(30):
        assert async_to_sync(cache.aget)("key") == 29
    wait_until(lambda: clients_of(own_redis) == [], "all connections are closed")


def test_connections_close_when_a_loop_ends_during_a_call(open_cache, own_redis):
    """For example when the server reloads."""
    cache = open_cache(own_redis.url)

    async def leave() -> None:
        await cache.aset("key", 1)
        asyncio.create_task(cache.aget("key")).add_done_callback(lambda task: task.cancelled() or task.exception())

    asyncio.run(leave())
    gc.collect()
    wait_until(lambda: clients_of(own_redis) == [], "all connections are closed")


def test_each_thread_with_its_own_loop(open_cache, own_redis):
    cache = open_cache(own_redis.url)
    cache.set("key", 1)
    caches.close_all()
    found: list[int] = []

    async def read() -> None:
        found.extend(await asyncio.gather(*(caches["default"].aget("key") for _ in range(10))))

    threads = [threading.Thread(target=lambda: asyncio.run(read())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * 80


async def test_many_callers_share_one_connection(open_cache, own_redis):
    cache = open_cache(own_redis.url)
    for _ in range(20):
        await asyncio.gather(*(cache.aset(str(number), number) for number in range(100)))
    assert len(clients_of(own_redis)) == 1


def test_a_forked_child_opens_its_own_connection(open_cache, own_redis):
    """In Celery's prefork pool, a child must not read answers to its parent."""
    cache = open_cache(own_redis.url)
    runner = asyncio.Runner()
    runner.run(cache.aset("key", "parent"))
    inherited = runner.get_loop()
    child = os.fork()
    if child == 0:
        try:
            asyncio.set_event_loop(None)
            fine = asyncio.run(use_in_child(cache)) == "parent"
        except BaseException:
            fine = False
        os._exit(0 if fine else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert inherited.run_until_complete(cache.aget("key")) == "child"
    runner.close()


async def use_in_child(cache) -> str:
    found = await cache.aget("key")
    await cache.aset("key", "child")
    return found
