"""Faults, each for a few seconds in the middle of a race, and what readers felt."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import redis

from tests.support.race.checker import Findings
from tests.support.race.course import Course, run_race
from tests.support.race.history import Failure, Read, now
from tests.support.race.proxy import Proxy
from tests.support.servers.redis import RedisServer, running_redis

BEFORE, DURING, AFTER = 2.0, 3.0, 4.0
WEIGHTS = {"read": 70, "read_page": 10, "read_many": 8, "write": 6, "refresh": 3, "forget": 3}
# The engine's own bound: a connection's timeout is 0.5 s in these races, and the breaker opens after three.
RECOVERY = 2.0


@dataclass
class Scene:
    """The Redis of a race, how to get at it, and what is going on."""

    server: RedisServer
    proxy: Proxy
    stack: list[Callable[[], None]] = field(default_factory=list)

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.server.port, socket_timeout=5)


Fault = Callable[[Scene], Iterator[None]]


@contextmanager
def killed(scene: Scene) -> Iterator[None]:
    """Gone, and back empty on the same port."""
    scene.server.process.kill()
    scene.server.process.wait()
    yield
    again = running_redis(port=scene.server.port)
    scene.server = again.__enter__()
    scene.stack.append(lambda: again.__exit__(None, None, None))


@contextmanager
def stopped(scene: Scene) -> Iterator[None]:
    os.kill(scene.server.process.pid, signal.SIGSTOP)
    yield
    os.kill(scene.server.process.pid, signal.SIGCONT)


@contextmanager
def full_and_refusing(scene: Scene) -> Iterator[None]:
    with scene.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        yield
        client.config_set("maxmemory", 0)


@contextmanager
def full_and_evicting(scene: Scene) -> Iterator[None]:
    with scene.client() as client:
        client.config_set("maxmemory-policy", "allkeys-random")
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 20_000)
        yield
        client.config_set("maxmemory", 0)


@contextmanager
def read_only(scene: Scene) -> Iterator[None]:
    with scene.client() as client:
        client.replicaof("127.0.0.1", 1)
        yield
        client.replicaof("NO", "ONE")


@contextmanager
def another_password(scene: Scene) -> Iterator[None]:
    with scene.client() as client:
        client.config_set("requirepass", "changed")
        client.client_kill_filter(_type="normal", skipme=True)
        yield
        client.config_set("requirepass", "")


@contextmanager
def far_away(scene: Scene) -> Iterator[None]:
    scene.proxy.weather.delay = 0.1
    yield
    scene.proxy.weather.delay = 0.0


@contextmanager
def half_closed(scene: Scene) -> Iterator[None]:
    """Bytes go out and nothing comes."""
    scene.proxy.weather.swallowing = True
    yield
    scene.proxy.weather.swallowing = False
    scene.proxy.reset()


@contextmanager
def reset(scene: Scene) -> Iterator[None]:
    end = now() + DURING
    while now() < end:
        scene.proxy.reset()
        time.sleep(0.2)
    yield


@contextmanager
def flushed(scene: Scene) -> Iterator[None]:
    with scene.client() as client:
        for _ in range(5):
            client.flushall()
            time.sleep(0.3)
        yield


@contextmanager
def log_deleted(scene: Scene) -> Iterator[None]:
    with scene.client() as client:
        for _ in range(5):
            client.delete("{race:log}")
            time.sleep(0.3)
        yield


@contextmanager
def log_trimmed(scene: Scene) -> Iterator[None]:
    """By hand, behind the back of the snapshot."""
    with scene.client() as client:
        for _ in range(5):
            client.xtrim("{race:log}", maxlen=1, approximate=False)
            time.sleep(0.3)
        yield


FAULTS: dict[str, Any] = {
    "Redis killed, back empty": killed,
    "Redis stopped": stopped,
    "Redis full, refusing": full_and_refusing,
    "Redis full, evicting": full_and_evicting,
    "Redis read-only": read_only,
    "Redis with another password": another_password,
    "Redis 200 ms away": far_away,
    "sockets half closed": half_closed,
    "sockets reset": reset,
    "Redis flushed": flushed,
    "the log deleted": log_deleted,
    "the log trimmed by hand": log_trimmed,
}


@dataclass
class Felt:
    """By readers, over the whole race; `recovered` is the time from the fault's end to the first second in which
    fresh values are the rule again and nothing fails."""

    findings: Findings
    reader_errors: int
    worst_seconds: float
    most_loads: int
    recovered: float


def suffered(name: str, database_url: str, processes: int = 2) -> Felt:
    with running_redis() as server, Proxy(server.port) as proxy:
        scene = Scene(server, proxy)
        times: dict[str, float] = {}

        def meanwhile(course: Course, racers: list[subprocess.Popen]) -> None:
            time.sleep(BEFORE)
            times["began"] = now()
            with FAULTS[name](scene):
                time.sleep(max(0.0, times["began"] + DURING - now()))
            times["ended"] = now()

        course = Course(
            f"redis://127.0.0.1:{proxy.port}/0",
            database_url,
            seconds=BEFORE + DURING + AFTER,
            processes=processes,
            options={"weights": WEIGHTS},
        )
        try:
            findings = run_race(course, meanwhile, one_load=False, by_clock=False, by_log=name not in LOSE_THE_LOG)
        finally:
            for undo in reversed(scene.stack):
                undo()
    return felt(findings, times["ended"])


# Where records are lost, positions of before and after are of two logs: the own process alone is held to its word.
LOSE_THE_LOG = ("Redis killed, back empty", "Redis flushed", "the log deleted")


# Those who refresh by hand take their turn, and wait for it.
READERS = ("get", "get_many", "page")


def felt(findings: Findings, ended: float) -> Felt:
    reads = findings.all_reads
    errors = [failure for failure in findings.failures if failure.what.startswith("read")]
    return Felt(
        findings,
        len(errors),
        max((read.ended - read.began for read in reads if read.by in READERS), default=0.0),
        most_at_once(findings),
        recovery(reads, findings.failures, ended),
    )


def most_at_once(findings: Findings) -> int:
    loads = findings.all_loads
    edges = [(load.began, 1) for load in loads] + [(load.ended, -1) for load in loads]
    most = running = 0
    for _, step in sorted(edges):
        running += step
        most = max(most, running)
    return most


def recovery(reads: list[Read], failures: list[Failure], ended: float) -> float:
    """In steps of a quarter of a second."""
    for step in range(int(AFTER * 4) - 2):
        begin = ended + step / 4
        window = [read for read in reads if begin <= read.began < begin + 0.5]
        failed = any(begin <= failure.ended < begin + 0.5 for failure in failures)
        fresh = sum(not read.stale for read in window)
        if window and not failed and fresh / len(window) > 0.5:
            return step / 4
    return float("inf")
