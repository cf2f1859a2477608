"""`make bench ONLY=warm`: how many readers wait for a load while somebody edits, with workers and without.

python -m tests.benchmarks.warm [--seconds N] [--rate R] [--cold] [--only workers|none] [--posts N]

A server process, a worker process and an editor of their own, on one Redis and a SQLite file. Readers ask at a fixed
rate for addresses that are drawn by Zipf's law; a request counts from the time at which it is due, so that a server
which falls behind cannot hide it (coordinated omission). An edit a second, of any post. All posts have views, so that
rankings are full and every edit changes a page that others show.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from tests.benchmarks.rounds import console
from tests.benchmarks.site.editing import editor
from tests.benchmarks.site.paths import draw_paths
from tests.support.servers.process import free_port, stop
from tests.support.servers.redis import running_redis
from tests.support.service import ROOT, Service, environment_of, manage_each, run_python, running_service

SECONDS, RATE, POSTS = 30, 200, 500
# The addresses that are read most: the hot ones of the report.
TOP = 1000
CONNECTIONS = 64
# Seconds of readers before those who count.
LEAD = 2
# Seconds after which the server has lost a request.
TIMEOUT = 30.0
WARM_SECONDS = 120.0
# The share of the site that is warm before the readers come.
WARM = 0.99
FILL = """
import django
django.setup()
from content.models import Post, PostViews
posts = Post.objects.order_by("pk")
PostViews.objects.bulk_create(PostViews(post=post, total=1, heat=place) for place, post in enumerate(posts))
"""
LIST = """
import asyncio, django, json
django.setup()
from content.warming import catalogue
async def list_paths():
    return [path async for chunk in catalogue() for path in chunk.paths]
print(json.dumps(asyncio.run(list_paths())))
"""
STATE = """
import asyncio, django, json, msgspec
django.setup()
from content.warming.state import read_state
state = asyncio.run(read_state())
print(json.dumps(None if state is None else msgspec.structs.asdict(state)))
"""


@dataclass
class Readers:
    """What the readers of one run met: seconds, whether each waited for a load, and whether its page is hot."""

    waits: list[float] = field(default_factory=list)
    hot: int = 0
    hot_loads: int = 0
    loads: int = 0
    failures: int = 0
    # By second since the beginning: requests, and hits.
    by_second: dict[int, list[int]] = field(default_factory=dict)

    def add(self, second: int, took: float, *, is_hot: bool, is_hit: bool) -> None:
        self.waits.append(took)
        self.hot += is_hot
        self.loads += not is_hit
        self.hot_loads += is_hot and not is_hit
        counts = self.by_second.setdefault(second, [0, 0])
        counts[0] += 1
        counts[1] += is_hit

    def quantile(self, share: float) -> float:
        ordered = sorted(self.waits)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    def seconds_to(self, share: float) -> int | None:
        """After which that share of requests were hits, in each second up to the end."""
        late = [second for second, (requests, hits) in self.by_second.items() if hits < share * requests]
        last = max(late, default=-1)
        return last + 1 if last + 1 < len(self.by_second) else None


def main() -> None:
    options = arguments()
    table = Table(box=None, pad_edge=False)
    for name in (
        "",
        "requests",
        f"top {TOP:,} that waited",
        "all",
        "p50 ms",
        "p99",
        "p99.9",
        "longest",
        "95 % after",
    ):
        table.add_column(name, justify="right" if name else "left")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        original = Path(folder) / "site"
        original.mkdir()
        environment = environment_of(original) | {"CACHE_URL": "locmem://making", "SECRET_KEY": "for a benchmark"}
        settings = environment | {"DJANGO_SETTINGS_MODULE": "project.settings"}
        manage_each(environment, ["migrate", "-v0"], ["generate_content", "--posts", str(options.posts)])
        run_python(settings, "-c", FILL)
        paths = json.loads(run_python(settings | {"EVERGREEN_WARM_ORIGINS": "http://site"}, "-c", LIST))
        console.print(
            f"{len(paths):,} addresses, {options.rate} requests a second for {options.seconds} s, an edit a second; "
            f"{'Redis is emptied' if options.cold else 'all warm'} at the beginning."
        )
        for name in ("workers", "none"):
            if options.only in (None, name):
                readers = run(original, Path(folder) / name, paths, options, with_workers=name == "workers")
                add_row(table, name, readers)
    console.print(table)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.warm")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of a run (default %(default)s)")
    parser.add_argument("--rate", type=int, default=RATE, help="requests a second (default %(default)s)")
    parser.add_argument("--posts", type=int, default=POSTS, help="of the site (default %(default)s)")
    parser.add_argument("--cold", action="store_true", help="empty Redis when the readers come")
    parser.add_argument("--only", choices=["workers", "none"], help="one of the two")
    return parser.parse_args()


def run(
    original: Path, state_dir: Path, paths: list[str], options: argparse.Namespace, *, with_workers: bool
) -> Readers:
    subprocess.run(["cp", "-r", original, state_dir], check=True)
    port = free_port()
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis())
        own = {
            "REDIS_URL": redis.url,
            "EVERGREEN_WARM_ORIGINS": f"http://127.0.0.1:{port}",
            "SECRET_KEY": "for a benchmark",
            "EVERGREEN_LOG_LEVEL": "WARNING",
            "EVERGREEN_RELEASE": "bench",
            # Checks of entries would load too.
            "EVERGREEN_VERIFY": "false",
        }
        environment = environment_of(state_dir) | own | {"DJANGO_SETTINGS_MODULE": "project.settings"}
        if with_workers:
            stack.enter_context(worker(environment))
            wait_until_warm(environment)
        else:
            manage_each(environment, ["warm_cache", "--all", "-v0"])
        service = stack.enter_context(running_service(state_dir, command="serve", environment=own, port=port))
        service.wait_for_line("Serving on")
        editing = stack.enter_context(editor(environment))
        # A new process imports modules with its first requests.
        asyncio.run(read(service, paths, options.rate, LEAD))
        if options.cold:
            with redis.client() as client:
                client.flushall()
        with editing.edit_every_second():
            return asyncio.run(read(service, paths, options.rate, options.seconds))


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "workers", "--quiet", "worker", "--concurrency", "1"]
    with open(os.devnull, "w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield
    finally:
        stop(process)


def wait_until_warm(environment: dict[str, str]) -> None:
    """Ask seldom: each question starts a process, and takes time from the worker."""
    deadline = time.monotonic() + WARM_SECONDS
    while time.monotonic() < deadline:
        time.sleep(3)
        state = json.loads(run_python(environment, "-c", STATE))
        if state is not None and state["pass_seconds"] is not None and state["site_warm"] >= WARM * state["site"]:
            return
    raise AssertionError(f"The site is not warm after {WARM_SECONDS:g} s.")


def add_row(table: Table, name: str, readers: Readers) -> None:
    until = readers.seconds_to(0.95)
    table.add_row(
        f"with {name}" if name == "workers" else "without workers",
        f"{len(readers.waits):,}",
        f"{readers.hot_loads / max(1, readers.hot):.2%}",
        f"{readers.loads / max(1, len(readers.waits)):.2%}",
        *(f"{readers.quantile(share) * 1000:.1f}" for share in (0.5, 0.99, 0.999, 1.0)),
        "not" if until is None else f"{until} s",
    )
    if readers.failures:
        console.print(f"{name}: {readers.failures} requests failed.")


# --- readers ----------------------------------------------------------------------------------------------


async def read(service: Service, paths: list[str], rate: int, seconds: int) -> Readers:
    """Requests at their times, each by the next free connection."""
    drawn = draw_paths(paths, rate * seconds)
    counted: dict[str, int] = {}
    for path in drawn:
        counted[path] = counted.get(path, 0) + 1
    hot = set(sorted(counted, key=lambda path: -counted[path])[:TOP])
    readers, due = Readers(), asyncio.Queue[tuple[float, str]]()
    began = time.perf_counter()

    async def connection() -> None:
        pair = None
        while True:
            at, path = await due.get()
            try:
                async with asyncio.timeout(TIMEOUT):
                    pair = pair or await asyncio.open_connection("127.0.0.1", service.port)
                    is_hit = await ask(*pair, path)
                readers.add(int(at - began), time.perf_counter() - at, is_hot=path in hot, is_hit=is_hit)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                readers.failures += 1
                pair = None
            due.task_done()

    tasks = [asyncio.ensure_future(connection()) for _ in range(CONNECTIONS)]
    for number, path in enumerate(drawn):
        at = began + number / rate
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        due.put_nowait((at, path))
    await due.join()
    for task in tasks:
        task.cancel()
    return readers


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> bool:
    """Whether no load was waited for. Raises OSError for another status than 200."""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port_of(writer)}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    await reader.readexactly(int(value_of(b"content-length", head)))
    if not head.startswith(b"http/1.1 200"):
        raise OSError(head[:40])
    return b"; hit" in value_of(b"cache-status", head)


def port_of(writer: asyncio.StreamWriter) -> int:
    return int(writer.get_extra_info("peername")[1])


def value_of(name: bytes, head: bytes) -> bytes:
    return head.partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0]


if __name__ == "__main__":
    main()
