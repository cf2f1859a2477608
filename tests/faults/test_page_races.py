"""Pages of two server processes: a herd, and races with the checker of what the engine promises."""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import redis

from content.caching.log.ledger import Kind
from tests.support.race.checker import Findings, check
from tests.support.race.course import Course
from tests.support.race.faults.fault import Fault
from tests.support.race.faults.redis import FAULTS, OneRedis, one_redis
from tests.support.race.history import Read, Write, now
from tests.support.servers.process import free_port, stop, wait_until
from tests.support.servers.redis import running_redis

PAGES = 8


@contextmanager
def serving(redis_url: str, truth: str, takes: float = 0.01) -> Iterator[int]:
    """The port of two processes."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.support.edge_app:app", "--port", str(port), "--workers", "2"]
    course = Course(redis_url, "sqlite://:memory:")
    more = {"TRUTH": truth, "TAKES": str(takes)}
    options = ["--log-level", "error", "--backlog", "4096", "--no-access-log"]
    process = subprocess.Popen([*command, *options], cwd=course.code, env=course.environment | more)
    try:
        wait_until(lambda: answers(port), "the server answers")
        yield port
    finally:
        stop(process)


def answers(port: int) -> bool:
    try:
        return asyncio.run(get(port, "warm"))[0] == 200
    except OSError:
        return False


async def get(port: int, page: object) -> tuple[int, str, bytes]:
    """Status, what the edge says, and the body; on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET /{page} HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    lines = head.decode("latin-1").split("\r\n")
    told = next((line for line in lines if line.startswith("cache-status:")), "")
    return int(lines[0].split(" ")[1]), told, body


def test_a_cold_herd_of_two_thousand_runs_the_application_once():
    with running_redis() as cache, running_redis() as truth, serving(cache.url, truth.url, takes=1.0) as port:

        async def herd() -> list[tuple[int, str, bytes]]:
            return await asyncio.gather(*(get(port, "herd") for _ in range(2000)))

        found = asyncio.run(herd())
        assert {status for status, _, _ in found} == {200}
        with truth.client() as client:
            assert int(client.get("runs:herd")) == 1


class Race:
    """Readers over HTTP, and one writer that announces what it has written to the log."""

    def __init__(self, port: int, truth: redis.Redis, log: redis.Redis, seconds: float) -> None:
        self.port = port
        self.truth = truth
        self.log = log
        self.end = now() + seconds
        self.chance = random.Random(7)
        self.history: list[Read | Write] = []
        self.bad: list[str] = []

    async def run(self) -> None:
        await asyncio.gather(self.write(), *(self.read() for _ in range(12)))

    async def read(self) -> None:
        while now() < self.end:
            page, began = self.chance.randrange(PAGES), now()
            status, told, body = await get(self.port, page)
            if status != 200:
                self.bad.append(f"{status} {told}")
                continue
            self.history.append(Read(1, began, now(), page, int(body), began, "ttl=-" in told, (0, 0)))

    async def write(self) -> None:
        while now() < self.end - 2:
            page, began = self.chance.randrange(PAGES), now()
            value = self.truth.incr(f"value:{page}")
            done = await asyncio.to_thread(self.announced, page)
            position = (1, 0) if done else None
            self.history.append(Write(2, began, now(), page, value, "invalidate", position))
            await asyncio.sleep(0.05)

    def announced(self, page: int) -> bool:
        """Whether the log has taken it, as the engine of a writer appends."""
        try:
            self.log.append(Kind.INVALIDATE, [f"row:{page}"], f"{time.time_ns()}")
        except (redis.RedisError, OSError):
            return False
        return True


def raced(scene: OneRedis, seconds: float, meanwhile=None) -> tuple[Findings, Race, int]:
    from content.caching.backends.server import server_of
    from content.caching.log.stream import LogStream

    with running_redis() as truth, serving(scene.redis_url, truth.url) as port, truth.client() as client:
        server = server_of(scene.redis_url, {"SOCKET_TIMEOUT": 0.5, "SOCKET_CONNECT_TIMEOUT": 0.5})
        log = LogStream(server, "race")
        race = Race(port, client, log, seconds)

        async def run() -> None:
            await asyncio.gather(race.run(), asyncio.to_thread(meanwhile or (lambda: None)))

        asyncio.run(run())
        log.close()
        runs = sum(int(client.get(f"runs:{page}") or 0) for page in range(PAGES))
    return check(race.history, 1e9, one_load=False, by_log=False), race, runs


def test_i1_pages_of_two_processes_are_never_stale_as_fresh():
    with ExitStack() as stack:
        findings, race, runs = raced(one_redis(stack), 6)
    assert findings.total == 0, findings.examples
    assert race.bad == []
    assert findings.reads > 1000
    assert sum(isinstance(each, Write) and each.position is not None for each in race.history) > 30
    assert 10 < runs < findings.reads / 5


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_i5_a_redis_that_fails_is_no_readers_error(fault: Fault):
    with ExitStack() as stack:
        scene = one_redis(stack)

        def meanwhile() -> None:
            time.sleep(3)
            with fault.happen(scene):
                time.sleep(3)

        findings, race, _ = raced(scene, 12, meanwhile)
    assert race.bad == []
    assert findings.total == 0, findings.examples
