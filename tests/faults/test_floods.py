"""Floods as a table: readers' p99, memory, entries and hit ratio, with each flood and without.

FLOOD_SECONDS (8) and FLOOD_KINDS (all) choose; the table is printed. One web process, Redis, 200 posts; readers ask
200 times a second for 60 pages that are warm.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.abuse.footprint import Footprint
from tests.support.floods import REQUESTS, get, read_answer
from tests.support.service import ROOT, Service, environment_of, manage, running_service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SECONDS = float(os.environ.get("FLOOD_SECONDS", "8"))
KINDS = [*REQUESTS, "pipelines", "slow readers", "idle"]
CHOSEN = os.environ.get("FLOOD_KINDS", ",".join(KINDS)).split(",")
READS_A_SECOND, READERS = 200, 8
MEGABYTE = 1024 * 1024
# Bounds for a flood: to readers' hit ratio, to memory (bytes; 10,000 connections), and to entries in Redis. A login
# or a search is somebody's own, and leaves an entry for a minute.
LOST_HITS, GROWTH, ENTRIES = 0.01, 48 * MEGABYTE, 50
OWN_ENTRIES = {"search", "logins"}
# Longest wait of a reader while 1,000 connections send 200 requests each, in seconds; waits for a core do not count.
LONGEST_WAIT = 0.25


@dataclass
class Measured:
    p50: float
    p99: float
    longest: float
    lost: Counter[str]
    hits: float
    memory: int
    entries: int
    flood: int = 0

    def row(self, name: str) -> str:
        times = f"{self.p50 * 1000:8.1f} {self.p99 * 1000:8.1f} {self.longest * 1000:9.1f}"
        return f"{name:15} {times} {self.hits:8.2%} {self.memory / MEGABYTE:9.1f} {self.entries:8} {self.flood:10.0f}"


@pytest.fixture
def service(tmp_path, fresh_redis) -> Iterator[Service]:
    state = tmp_path / "state"
    state.mkdir()
    environment = {"REDIS_URL": fresh_redis, "SECRET_KEY": "for tests only"}
    manage(environment_of(state) | environment, "migrate", "-v0")
    manage(environment_of(state) | environment, "demo_content")
    with running_service(state, "--workers", "1", command="serve", environment=environment) as running:
        running.wait_for_line("Serving on")
        yield running


def test_no_flood_is_felt(service, redis_server):
    server = Footprint(service.pid_of("worker_main"))

    def entries() -> int:
        with redis_server.client() as client:
            return client.dbsize()

    async def measure(seconds: float) -> Measured:
        times, lost = await read_for(service.port, paths, seconds, [os.getpid(), server.process])
        server.sample()
        times.sort()
        p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
        hits = 1 - lost.total() / len(times)
        return Measured(p50, p99, times[-1], lost, hits, server.memory[-1], entries())

    paths = pages_of(service)
    asyncio.run(read_for(service.port, paths, 2))
    alone = asyncio.run(measure(SECONDS))
    print(
        f"\n{'':15} {'p50 ms':>8} {'p99 ms':>8} {'longest':>9} {'hits':>8} {'MB':>9} {'entries':>8} {'answers/s':>10}"
    )
    print(alone.row("no flood"))
    felt = []
    for kind in CHOSEN:
        before = (server.memory[-1], entries())
        flood = subprocess.Popen(
            [sys.executable, "-m", "tests.support.floods", kind, str(service.port), str(SECONDS + 1)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        time.sleep(1)
        found = asyncio.run(measure(SECONDS - 1))
        found.flood = json.loads(flood.communicate()[0])["answers"] / (SECONDS + 1)
        print(found.row(kind), flush=True)
        more = found.entries - before[1]
        if found.hits < alone.hits - LOST_HITS:
            felt.append(f"{kind}: hit ratio {found.hits:.2%}, {dict(found.lost)}")
        if found.memory - before[0] > GROWTH:
            felt.append(f"{kind}: memory grew by {(found.memory - before[0]) / MEGABYTE:.0f} MB")
        if kind not in OWN_ENTRIES and more > ENTRIES:
            felt.append(f"{kind}: {more} more entries")
        if kind == "pipelines" and found.longest > LONGEST_WAIT:
            felt.append(f"{kind}: a reader waited {found.longest * 1000:.0f} ms")
    assert felt == []


def pages_of(service: Service) -> list[str]:
    """Paths of pages, which are warm from now on."""
    with service.client() as client:
        listed = client.get("/api/v1/posts/", params={"limit": 58}).json()["items"]
        paths = ["/", "/robots.txt", *(f"/posts/{post['slug']}/" for post in listed)]
        for path in paths:
            assert client.get(path).status_code == 200
    return paths


async def read_for(
    port: int, paths: list[str], seconds: float, processes: Sequence[int] = ()
) -> tuple[list[float], Counter[str]]:
    """Readers at an even rate, each on a connection of its own: seconds of each answer, and Cache-Status of no hits.

    The seconds are without those for which `processes` waited for a core, which is up to the machine. Where two of
    them waited at once, both count, so the rest is rather too short.
    """
    times: list[float] = []
    lost: Counter[str] = Counter()
    ends = time.monotonic() + seconds

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        chosen = random.Random(number)
        due = time.monotonic()
        while time.monotonic() < ends:
            due += READERS / READS_A_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            began, waited = time.perf_counter(), wait_for_core(processes)
            writer.write(get(port, chosen.choice(paths)))
            head = await read_answer(reader)
            times.append(max(0.0, time.perf_counter() - began - (wait_for_core(processes) - waited)))
            if b"; hit" not in head:
                lost[head.partition(b"cache-status: ")[2].partition(b"; key")[0].decode()] += 1
        writer.close()

    await asyncio.gather(*(one(number) for number in range(READERS)))
    return times, lost


def wait_for_core(processes: Iterable[int]) -> float:
    """Seconds for which the main threads of processes were ready to run, and had no core."""
    return sum(int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) for process in processes) / 1e9


def test_two_hundred_thousand_addresses_leave_memory_and_redis_as_they_were(service, redis_server):
    """FLOOD_ADDRESSES of them, as fast as they are answered."""
    wanted = int(os.environ.get("FLOOD_ADDRESSES", "200000"))
    server, paths = Footprint(service.pid_of("worker_main")), pages_of(service)
    asyncio.run(read_for(service.port, paths, 2))
    asyncio.run(ask_for_missing(service.port, wanted // 20, 0))
    server.sample()
    with redis_server.client() as client:
        entries, used = client.dbsize(), client.info("memory")["used_memory"]

    async def flood_and_read() -> tuple[int, int]:
        flood = asyncio.create_task(ask_for_missing(service.port, wanted, wanted))
        hits = answers = 0
        while not flood.done():
            times, lost = await read_for(service.port, paths, 1)
            hits, answers = hits + len(times) - lost.total(), answers + len(times)
        await flood
        return hits, answers

    began, cpu = time.monotonic(), cpu_of(server.process)
    hits, answers = asyncio.run(flood_and_read())
    seconds, cpu = time.monotonic() - began, cpu_of(server.process) - cpu
    server.sample()
    with redis_server.client() as client:
        more, bytes_more = client.dbsize() - entries, client.info("memory")["used_memory"] - used
    grown = server.memory[1] - server.memory[0]
    print(
        f"\n{wanted:,} addresses in {seconds:.0f} s, {cpu / wanted * 1000:.3f} ms of CPU each (readers included); "
        f"memory {grown / MEGABYTE:+.1f} MB, Redis {more:+} entries and {bytes_more / MEGABYTE:+.1f} MB, "
        f"readers' hits {hits / answers:.2%}"
    )
    assert grown < 8 * MEGABYTE
    assert more < 200
    assert hits / answers >= 0.99


async def ask_for_missing(port: int, count: int, first: int) -> None:
    numbers = iter(range(first, first + count))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            writer.write(get(port, f"/posts/none-{number}/"))
            assert (await read_answer(reader)).startswith(b"http/1.1 404")
        writer.close()

    await asyncio.gather(*(one() for _ in range(16)))


def cpu_of(process: int) -> float:
    """Seconds of processor time."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
