"""Faults of one Redis, and of the way to it."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import redis

from tests.support.race.faults.fault import DURING, Fault, Scene, sqlite
from tests.support.race.history import now
from tests.support.race.proxy import Proxy
from tests.support.servers.redis import RedisServer, running_redis


@dataclass
class OneRedis(Scene):
    """A Redis behind a proxy."""

    server: RedisServer
    proxy: Proxy

    def client(self) -> redis.Redis:
        """Past the proxy."""
        return redis.Redis(port=self.server.port, socket_timeout=5)


def one_redis(stack: ExitStack) -> OneRedis:
    server = stack.enter_context(running_redis())
    proxy = stack.enter_context(Proxy(server.port))
    return OneRedis(f"redis://127.0.0.1:{proxy.port}/0", sqlite(stack), stack, server=server, proxy=proxy)


@contextmanager
def killed(scene: OneRedis) -> Iterator[None]:
    """Gone, and back empty on the same port."""
    scene.server.process.kill()
    scene.server.process.wait()
    yield
    scene.server = scene.stack.enter_context(running_redis(port=scene.server.port))


@contextmanager
def stopped(scene: OneRedis) -> Iterator[None]:
    os.kill(scene.server.process.pid, signal.SIGSTOP)
    yield
    os.kill(scene.server.process.pid, signal.SIGCONT)


@contextmanager
def full_and_refusing(scene: OneRedis) -> Iterator[None]:
    with scene.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        yield
        client.config_set("maxmemory", 0)


@contextmanager
def full_and_evicting(scene: OneRedis) -> Iterator[None]:
    with scene.client() as client:
        client.config_set("maxmemory-policy", "allkeys-random")
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 20_000)
        yield
        client.config_set("maxmemory", 0)


@contextmanager
def read_only(scene: OneRedis) -> Iterator[None]:
    with scene.client() as client:
        client.replicaof("127.0.0.1", 1)
        yield
        client.replicaof("NO", "ONE")


@contextmanager
def another_password(scene: OneRedis) -> Iterator[None]:
    with scene.client() as client:
        client.config_set("requirepass", "changed")
        client.client_kill_filter(_type="normal", skipme=True)
        yield
        client.config_set("requirepass", "")


@contextmanager
def far_away(scene: OneRedis) -> Iterator[None]:
    scene.proxy.weather.delay = 0.1
    yield
    scene.proxy.weather.delay = 0.0


@contextmanager
def half_closed(scene: OneRedis) -> Iterator[None]:
    """Bytes go out and nothing comes."""
    scene.proxy.weather.swallowing = True
    yield
    scene.proxy.weather.swallowing = False
    scene.proxy.reset()


@contextmanager
def reset(scene: OneRedis) -> Iterator[None]:
    end = now() + DURING
    while now() < end:
        scene.proxy.reset()
        time.sleep(0.2)
    yield


@contextmanager
def flushed(scene: OneRedis) -> Iterator[None]:
    with scene.client() as client:
        for _ in range(5):
            client.flushall()
            time.sleep(0.3)
        yield


@contextmanager
def log_deleted(scene: OneRedis) -> Iterator[None]:
    with scene.client() as client:
        for _ in range(5):
            client.delete("{race:log}")
            time.sleep(0.3)
        yield


@contextmanager
def log_trimmed(scene: OneRedis) -> Iterator[None]:
    """By hand, behind the back of the snapshot."""
    with scene.client() as client:
        for _ in range(5):
            client.xtrim("{race:log}", maxlen=1, approximate=False)
            time.sleep(0.3)
        yield


FAULTS = (
    Fault("Redis killed, back empty", one_redis, killed, by_log=False),
    Fault("Redis stopped", one_redis, stopped),
    Fault("Redis full, refusing", one_redis, full_and_refusing),
    Fault("Redis full, evicting", one_redis, full_and_evicting),
    Fault("Redis read-only", one_redis, read_only),
    Fault("Redis with another password", one_redis, another_password),
    Fault("Redis 200 ms away", one_redis, far_away),
    Fault("sockets half closed", one_redis, half_closed),
    Fault("sockets reset", one_redis, reset),
    Fault("Redis flushed", one_redis, flushed, by_log=False),
    Fault("the log deleted", one_redis, log_deleted, by_log=False),
    Fault("the log trimmed by hand", one_redis, log_trimmed),
)
