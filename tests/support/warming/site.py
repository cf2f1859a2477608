"""A site with a Redis, workers, beats and a server of its own, each of which a test may kill."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import RedisError

from content.caching import serializer
from content.caching.compressor import ZstdCompressor
from tests.support.servers.process import free_port, stop
from tests.support.servers.redis import RedisServer, running_redis
from tests.support.service import ROOT, Service, environment_of, manage_each, run_python, running_service
from tests.support.wait import wait_until
from tests.support.warm_process import WarmProcess

POSTS = 30
LIST = """
import asyncio, django, json
django.setup()
from content.warming import catalogue
async def list_paths():
    return [path async for chunk in catalogue() for path in chunk.paths]
print(json.dumps(asyncio.run(list_paths())))
"""


class Term(NamedTuple):
    """The time that a process ran the loop; `ended` is None if it was killed, or goes on."""

    pid: int
    began: float
    ended: float | None


class Site:
    def __init__(self, folder: Path, stack: ExitStack, posts: int, *, is_durable: bool) -> None:
        self.folder = folder
        self.is_durable = is_durable
        self.stack = stack
        self.notes = folder / "notes"
        self.notes.touch()
        (folder / "redis").mkdir()
        self.redis = self.start_redis(free_port())
        self.port = free_port()
        own = {
            "REDIS_URL": self.redis.url,
            "EVERGREEN_WARM_ORIGINS": f"http://127.0.0.1:{self.port}",
            "SECRET_KEY": "for tests only",
            "EVERGREEN_RELEASE": "of the tests",
            # Checks of entries would load too.
            "EVERGREEN_VERIFY": "false",
            "DJANGO_SETTINGS_MODULE": "tests.support.warming.settings",
            "WARMING_NOTES": str(self.notes),
            "PYTHONPATH": str(ROOT),
        }
        self.own = own
        self.environment = environment_of(folder) | own
        making = self.environment | {"CACHE_URL": "locmem://making"}
        manage_each(making, ["migrate", "-v0"], ["generate_content", "--posts", str(posts)])
        self.paths: list[str] = json.loads(run_python(making, "-c", LIST))
        self.processes: dict[str, WarmProcess] = {}

    # --- processes ----------------------------------------------------------------------------------

    def start_redis(self, port: int) -> RedisServer:
        """If it is durable, with a log of its writes, by which it can come back with its data."""
        logged = ("--appendonly", "yes", "--appendfsync", "always") if self.is_durable else ()
        options = ("--dir", str(self.folder / "redis"), *logged)
        return self.stack.enter_context(running_redis(*options, port=port))

    def kill_redis(self, *, lose: bool, seconds: float) -> None:
        """It is back after that long, on the same port."""
        self.redis.process.kill()
        self.redis.process.wait()
        time.sleep(seconds)
        if lose:
            for file in sorted((self.folder / "redis").rglob("*"), reverse=True):
                file.rmdir() if file.is_dir() else file.unlink()
        self.redis = self.start_redis(self.redis.port)

    def start(self, name: str, *words: str) -> None:
        """A worker or a beat, in a group of its own."""
        command = ["-m", "celery", "-A", "workers", "--quiet", *words]
        with (self.folder / f"{name}.log").open("a") as log:
            self.processes[name] = WarmProcess(command, self.environment, log=log, is_group=True)

    def start_worker(self, name: str) -> None:
        self.start(name, "worker", "--concurrency", "1")

    def kill(self, name: str) -> None:
        """The process and its children, by kill -9."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def start_server(self) -> Service:
        service = self.stack.enter_context(
            running_service(self.folder, "--workers", "2", command="serve", environment=self.own, port=self.port)
        )
        service.wait_for_line("Serving on")
        return service

    def end(self) -> None:
        for process in self.processes.values():
            stop(process)

    # --- what is seen from outside ------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """The report of the loop; empty without one, and while Redis is down."""
        try:
            with self.redis.client() as client:
                for key in client.keys("*warming:state:*"):
                    stored = ZstdCompressor({}).decompress(client.get(key) or b"")
                    return dict(json.loads(str(serializer.unpack(stored))))
        except (RedisError, ValueError):
            pass
        return {}

    def empty(self) -> float:
        """Empty Redis; the Unix time of it."""
        with self.redis.client() as client:
            client.flushall()
        return time.time()

    def is_reported_since(self, at: float) -> bool:
        """Whether an owner has reported since that Unix time."""
        return float(self.state().get("at", 0.0)) > at

    def worker_of(self, pid: int) -> str:
        """The name of the worker whose process that is."""
        return next(name for name, process in self.processes.items() if os.getpgid(pid) == process.pid)

    def pages(self) -> set[str]:
        """The paths of the pages in Redis."""
        try:
            with self.redis.client() as client:
                return paths_of_pages(client)
        except RedisError:
            return set()

    def loads(self, since: float) -> list[tuple[int, str]]:
        return [(pid, key) for at, pid, what, key in self._read_notes() if what == "load" and at >= since]

    def terms(self) -> list[Term]:
        """In the order of their beginnings."""
        terms: dict[int, Term] = {}
        done: list[Term] = []
        for at, pid, what, _ in self._read_notes():
            if what == "begin":
                terms[pid] = Term(pid, at, None)
            elif what == "end" and pid in terms:
                done.append(terms.pop(pid)._replace(ended=at))
        return sorted([*done, *terms.values()], key=lambda term: term.began)

    def _read_notes(self) -> Iterator[tuple[float, int, str, str]]:
        for line in self.notes.read_text().splitlines():
            at, pid, what, key = json.loads(line)
            yield at, pid, what, key

    def wait_until_warm(self, since: float, seconds: float) -> float:
        """Seconds from `since` until each page is stored, and the owner reports that what is read most is fresh."""

        def is_warm() -> bool:
            state = self.state()
            age = time.time() - state.get("at", 0.0)
            is_heard = age < 2.0 and age < time.monotonic() - since
            return is_heard and state["hot"] == state["hot_warm"] > 0 and self.pages() >= set(self.paths)

        wait_until(is_warm, lambda: f"all is warm again: {self.state()}, {len(self.pages())} pages", seconds)
        return time.monotonic() - since


def paths_of_pages(client: Redis) -> set[str]:
    keys = (key.decode() for key in client.scan_iter("*:page@*http*", count=1000))
    return {f"/{key.partition('://')[2].partition('/')[2]}" for key in keys}


@contextmanager
def running_site(folder: Path, posts: int = POSTS, *, is_durable: bool = True) -> Iterator[Site]:
    with ExitStack() as stack:
        site = Site(folder, stack, posts, is_durable=is_durable)
        try:
            yield site
        finally:
            site.end()
