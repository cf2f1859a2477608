"""Faults of one Redis, and of the way to it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import redis

from tests.support.race.faults.fault import DURING, Fault, Scene, sqlite
from tests.support.race.history import now
from tests.support.race.proxy import Proxy
from tests.support.servers.redis import RedisServer, running_redis


@dataclass
class RedisScene(Scene):
    """A Redis behind a proxy."""

    server: RedisServer
    proxy: Proxy

    def client(self) -> redis.Redis:
        """A client that does not use the proxy."""
        return redis.Redis(port=self.server.port, socket_timeout=5)


def redis_scene(stack: ExitStack) -> RedisScene:
    server = stack.enter_context(running_redis())
    proxy = stack.enter_context(Proxy(server.port))
    return RedisScene(f"redis://127.0.0.1:{proxy.port}/0", sqlite(stack), stack, server=server, proxy=proxy)


@contextmanager
def repeat(action: Callable[[], object], *, pause: float = 0.3, seconds: float = DURING / 2) -> Iterator[None]:
    end = now() + seconds
    while now() < end:
        action()
        time.sleep(pause)
    yield


@contextmanager
def kill(scene: RedisScene) -> Iterator[None]:
    """Kill it, and start an empty one on the same port."""
    scene.server.process.kill()
    scene.server.process.wait()
    yield
    scene.server = scene.stack.enter_context(running_redis(port=scene.server.port))


@contextmanager
def stop(scene: RedisScene) -> Iterator[None]:
    os.kill(scene.server.process.pid, signal.SIGSTOP)
    yield
    os.kill(scene.server.process.pid, signal.SIGCONT)


@contextmanager
def fill_and_refuse(scene: RedisScene) -> Iterator[None]:
    with scene.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        yield
        client.config_set("maxmemory", 0)


@contextmanager
def fill_and_evict(scene: RedisScene) -> Iterator[None]:
    with scene.client() as client:
        client.config_set("maxmemory-policy", "allkeys-random")
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 20_000)
        yield
        client.config_set("maxmemory", 0)


@contextmanager
def make_read_only(scene: RedisScene) -> Iterator[None]:
    with scene.client() as client:
        client.replicaof("127.0.0.1", 1)
        yield
        client.replicaof("NO", "ONE")


@contextmanager
def change_password(scene: RedisScene) -> Iterator[None]:
    with scene.client() as client:
        client.config_set("requirepass", "changed")
        client.client_kill_filter(_type="normal", skipme=True)
        yield
        client.config_set("requirepass", "")


@contextmanager
def delay(scene: RedisScene) -> Iterator[None]:
    scene.proxy.weather.delay = 0.1
    yield
    scene.proxy.weather.delay = 0.0


@contextmanager
def swallow(scene: RedisScene) -> Iterator[None]:
    """Drop all bytes in both directions."""
    scene.proxy.weather.swallowing = True
    yield
    scene.proxy.weather.swallowing = False
    scene.proxy.reset()


@contextmanager
def reset_connections(scene: RedisScene) -> Iterator[None]:
    with repeat(scene.proxy.reset, pause=0.2, seconds=DURING):
        yield


@contextmanager
def flush(scene: RedisScene) -> Iterator[None]:
    with scene.client() as client, repeat(client.flushall):
        yield


@contextmanager
def delete_log(scene: RedisScene) -> Iterator[None]:
    with scene.client() as client, repeat(lambda: client.delete("{race:log}")):
        yield


@contextmanager
def trim_log(scene: RedisScene) -> Iterator[None]:
    """Trim it by hand, without a new snapshot."""
    with scene.client() as client, repeat(lambda: client.xtrim("{race:log}", maxlen=1, approximate=False)):
        yield


FAULTS = (
    Fault("Redis killed, back empty", redis_scene, kill, by_log=False),
    Fault("Redis stopped", redis_scene, stop),
    Fault("Redis full, refusing", redis_scene, fill_and_refuse),
    Fault("Redis full, evicting", redis_scene, fill_and_evict),
    Fault("Redis read-only", redis_scene, make_read_only),
    Fault("Redis with another password", redis_scene, change_password),
    Fault("Redis 200 ms away", redis_scene, delay),
    Fault("sockets half closed", redis_scene, swallow),
    Fault("sockets reset", redis_scene, reset_connections),
    Fault("Redis flushed", redis_scene, flush, by_log=False),
    Fault("the log deleted", redis_scene, delete_log, by_log=False),
    Fault("the log trimmed by hand", redis_scene, trim_log),
)
