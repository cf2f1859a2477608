"""Faults of a PostgreSQL behind a proxy. Writers may get errors; readers may not."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.support.race.faults.fault import BEFORE, DURING, Fault, Scene
from tests.support.race.proxy import Proxy
from tests.support.servers.postgres import PostgresServer, running_postgres
from tests.support.servers.redis import running_redis

# Writers pause shortly before: nothing may serve a row that was invalidated and cannot be loaded.
OPTIONS = {
    "error_ttl": 60.0,
    "soft_timeout": 0.2,
    "hard_timeout": 1.0,
    "only_reads": (BEFORE - 1.5, BEFORE + DURING + 0.5),
}


@dataclass
class DatabaseScene(Scene):
    server: PostgresServer
    proxy: Proxy


def database_scene(stack: ExitStack) -> DatabaseScene:
    redis = stack.enter_context(running_redis())
    server = stack.enter_context(running_postgres())
    proxy = stack.enter_context(Proxy(server.port))
    return DatabaseScene(redis.url, server.url_by(proxy.port), stack, server=server, proxy=proxy)


@contextmanager
def kill(scene: DatabaseScene) -> Iterator[None]:
    scene.server.crash()
    yield
    scene.server.start()


@contextmanager
def stop(scene: DatabaseScene) -> Iterator[None]:
    scene.server.signal_all(signal.SIGSTOP)
    yield
    scene.server.signal_all(signal.SIGCONT)


@contextmanager
def delay(scene: DatabaseScene) -> Iterator[None]:
    scene.proxy.weather.delay = 0.15
    yield
    scene.proxy.weather.delay = 0.0


FAULTS = (
    Fault("database killed", database_scene, kill, one_run=True, options=OPTIONS),
    Fault("database stopped", database_scene, stop, one_run=True, options=OPTIONS),
    Fault("database 300 ms away", database_scene, delay, one_run=True, options={"error_ttl": 60.0}),
)
