"""Faults of a database, which is a PostgreSQL behind a proxy. What writers feel of it is theirs to bear."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.support.race.faults.fault import BEFORE, DURING, Fault, Scene
from tests.support.race.proxy import Proxy
from tests.support.servers.postgres import PostgresServer, running_postgres
from tests.support.servers.redis import running_redis

# What was invalidated and not loaded since cannot be served by anybody: writers rest shortly before.
OPTIONS = {
    "error_ttl": 60.0,
    "soft_timeout": 0.2,
    "hard_timeout": 1.0,
    "only_reads": (BEFORE - 1.0, BEFORE + DURING + 0.5),
}


@dataclass
class OneDatabase(Scene):
    server: PostgresServer
    proxy: Proxy


def one_database(stack: ExitStack) -> OneDatabase:
    redis = stack.enter_context(running_redis())
    server = stack.enter_context(running_postgres())
    proxy = stack.enter_context(Proxy(server.port))
    return OneDatabase(redis.url, server.url_by(proxy.port), stack, server=server, proxy=proxy)


@contextmanager
def killed(scene: OneDatabase) -> Iterator[None]:
    scene.server.crash()
    yield
    scene.server.start()


@contextmanager
def stopped(scene: OneDatabase) -> Iterator[None]:
    scene.server.signal_all(signal.SIGSTOP)
    yield
    scene.server.signal_all(signal.SIGCONT)


@contextmanager
def slow(scene: OneDatabase) -> Iterator[None]:
    scene.proxy.weather.delay = 0.15
    yield
    scene.proxy.weather.delay = 0.0


FAULTS = (
    Fault("database killed", one_database, killed, one_run=True, options=OPTIONS),
    Fault("database stopped", one_database, stopped, one_run=True, options=OPTIONS),
    Fault("database 300 ms away", one_database, slow, one_run=True, options={"error_ttl": 60.0}),
)
