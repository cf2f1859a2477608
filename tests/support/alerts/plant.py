"""A whole service that a test may break: PostgreSQL, Redis, web, worker, beat, a CDN, and readers."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis

from tests.support.servers.postgres import PostgresServer, running_postgres
from tests.support.servers.process import free_port, stop
from tests.support.servers.redis import RedisServer, running_redis
from tests.support.service import ROOT, Service, environment_of, manage, manage_each, running_service
from tests.support.wait import wait_until

POSTS = 12
# Seconds between two requests of the readers.
PAUSE = 0.05


class FakeCdn:
    """A CDN that confirms purges, or refuses them."""

    def __init__(self) -> None:
        self.refuses = False
        cdn = self

        class Handler(BaseHTTPRequestHandler):
            def do_PURGE(self) -> None:
                self.send_response(503 if cdn.refuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"varnish://127.0.0.1:{self.server.server_address[1]}"


class Plant:
    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack, self.port = folder, stack, free_port()
        self.postgres: PostgresServer = stack.enter_context(running_postgres())
        self.cdn = FakeCdn()
        stack.callback(self.cdn.close)
        self.redis: RedisServer = stack.enter_context(running_redis())
        self.own = {
            "REDIS_URL": self.redis.url,
            "DATABASE_URL": self.postgres.url,
            "SECRET_KEY": "for tests only",
            "EVERGREEN_WARM_ORIGINS": self.url,
            "EVERGREEN_CDN": self.cdn.url,
            "EVERGREEN_VERIFY_BUDGET": "0.5",
            "EVERGREEN_RELEASE": "of the tests",
        }
        self.environment = environment_of(folder) | self.own
        making = self.environment | {"CACHE_URL": "locmem://making"}
        manage_each(making, ["migrate", "-v0"], ["generate_content", "--posts", str(POSTS)])
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.web = self.start_web()
        self.start_worker()
        self.start_beat()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def end(self) -> None:
        for child in self.children.values():
            stop(child)

    # --- its processes ------------------------------------------------------------------------------

    def start_web(self) -> Service:
        service = self.stack.enter_context(
            running_service(self.folder, command="serve", environment=self.own, port=self.port)
        )
        service.wait_for_line("Serving on")
        return service

    def start_worker(self, *words: str) -> None:
        self._start("worker", "worker", "--concurrency", "2", *words)

    def start_beat(self) -> None:
        self._start("beat", "beat")

    def _start(self, name: str, *words: str) -> None:
        command = [sys.executable, "-m", "celery", "-A", "workers", "--quiet", *words, "--loglevel", "WARNING"]
        with (self.folder / f"{name}.log").open("a") as log:
            self.children[name] = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> None:
        """With its children."""
        child = self.children.pop(name)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def restart_redis(self) -> None:
        """Empty, on its port."""
        self.redis = self.stack.enter_context(running_redis(port=self.redis.port))

    # --- its data -----------------------------------------------------------------------------------

    def connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self.postgres.url.replace("postgres://", "postgresql://"), autocommit=True)

    def execute(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    def manage(self, *words: str) -> str:
        return manage(self.environment, *words)


@contextmanager
def repeating(action: Callable[[], object], pause: float) -> Iterator[None]:
    """Does it again and again, in a thread. Errors of what is broken meanwhile do not matter."""
    stopping = threading.Event()

    def repeat() -> None:
        while not stopping.wait(pause):
            try:
                action()
            except (redis.RedisError, psycopg.Error, httpx.HTTPError):
                continue

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


@contextmanager
def readers(plant: Plant) -> Iterator[None]:
    """Somebody who reads the same few pages, twenty a second."""
    paths = cycle(["/", "/archive/", "/popular/", "/trending/", "/feed.xml"])
    with (
        httpx.Client(base_url=plant.url, timeout=10) as client,
        repeating(lambda: client.get(next(paths)), PAUSE),
    ):
        yield


@contextmanager
def running_plant(folder: Path) -> Iterator[Plant]:
    with ExitStack() as stack:
        plant = Plant(folder, stack)
        try:
            wait_until(lambda: httpx.get(f"{plant.url}/readyz", timeout=5).json()["status"] == "ready", "it is ready")
            with readers(plant):
                yield plant
        finally:
            plant.end()
