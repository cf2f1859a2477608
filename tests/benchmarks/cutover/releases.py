"""Two releases of one site, N and N+1, on one Redis and one database: how each is warmed and served."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.warm_site import worker
from tests.support.releases import make_release
from tests.support.servers.redis import RedisServer, running_redis
from tests.support.service import ROOT, Service, environment_of, running_service

PROCESSES = 2
# Without a port: pages of both releases have the same addresses.
BASE_URL = "http://127.0.0.1"


@dataclass(frozen=True)
class Release:
    """`root`: the folder of its code. `own`: its environment beside that of the state folder."""

    name: str
    root: Path
    state_dir: Path
    own: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        return environment_of(self.state_dir) | self.own

    @contextmanager
    def serving(self) -> Iterator[Service]:
        """Two processes that accept readers."""
        options = {"command": "serve", "environment": self.own, "root": self.root}
        with running_service(self.state_dir, "--workers", str(PROCESSES), **options) as service:
            service.wait_for_line("Serving on")
            yield service

    @contextmanager
    def warming(self) -> Iterator[None]:
        with worker(self.environment, self.root):
            yield

    def prepare(self) -> str:
        """Run `manage.py cutover --prepare`. Returns what it has reached, in a sentence."""
        command = [sys.executable, str(self.root / "manage.py"), "cutover", "--prepare", "--json"]
        began = time.monotonic()
        done = subprocess.run(
            command, env=self.environment, cwd=self.state_dir.parent, capture_output=True, text=True, check=False
        )
        seconds = time.monotonic() - began
        # The status is 1 if it was not warm in time: then the table follows all the same.
        assert done.stdout, done.stderr
        share = next(each for each in json.loads(done.stdout) if each["is_this"])["coverage"]["1000"]
        return f"`cutover --prepare` took {seconds:.1f} s: {share['fresh']:,} of {share['of']:,} entries are fresh."


@dataclass(frozen=True)
class Releases:
    old: Release
    new: Release
    redis: RedisServer


@contextmanager
def two_releases(state_dir: Path, folder: Path) -> Iterator[Releases]:
    """Both serve the site in the state folder. The code of the new one is copied to `folder`, which is made."""
    folder.mkdir()
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis())
        own = {
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "REDIS_URL": redis.url,
            "SECRET_KEY": "for a benchmark",
            "EVERGREEN_EDGE": "true",
            "EVERGREEN_BASE_URL": BASE_URL,
            "EVERGREEN_LOG_LEVEL": "WARNING",
            # Checks of entries would load too.
            "EVERGREEN_VERIFY": "false",
            # All readers come from one address.
            "EVERGREEN_API_A_MINUTE": "0",
        }
        old = Release("N", ROOT, state_dir, own | {"EVERGREEN_RELEASE": "N"})
        new = Release("N+1", make_release(folder), state_dir, own | {"EVERGREEN_RELEASE": "N+1"})
        yield Releases(old, new, redis)


@contextmanager
def sampling_memory(redis: RedisServer, every: float = 1.0) -> Iterator[list[tuple[float, int]]]:
    """The bytes that Redis uses, with their times (perf_counter)."""
    samples, ended = list[tuple[float, int]](), threading.Event()

    def sample() -> None:
        with redis.client() as client:
            while True:
                samples.append((time.perf_counter(), client.info("memory")["used_memory"]))
                if ended.wait(every):
                    return

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()
