"""A rolling restart: how many processes start at once, how much memory that may take, and who serves meanwhile."""

import asyncio
import gc
import os
import re
import sys
import types

import pytest

from project.serving import memory
from project.serving.memory import count_that_fit, free_bytes, resident_bytes
from project.serving.parent import MOST_MORE, NotReady, Restart
from project.serving.worker_main import Config
from tests.project.serving.conftest import SERVING, hang_up, restart, serving, workers
from tests.support.readers import run_readers
from tests.support.wait import wait_until_async

pytestmark = pytest.mark.long

MEGABYTE = 1024 * 1024
UNFINISHED = b"POST /admin/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"


async def test_three_workers_are_restarted_under_load_and_ctrl_c_still_ends_them(state_dir):
    """Several processes that start at once once left the parent deaf to SIGHUP and Ctrl-C."""
    with serving(state_dir, "--workers", "3") as service:
        service.wait_for_line(SERVING)
        before, most = workers(service), 3

        async def look() -> None:
            nonlocal most
            while True:
                most = max(most, len(workers(service)))
                await asyncio.sleep(0.02)

        looking = asyncio.create_task(look())
        async with run_readers(service.port, "/", readers=4) as crowd:
            await crowd.wait_for_answers(50)
            await restart(service)
            await crowd.wait_for_answers(50)
        looking.cancel()
        assert len(workers(service)) == 3
        assert workers(service).isdisjoint(before)
        assert 3 < most <= 3 + MOST_MORE
        assert await asyncio.to_thread(service.interrupt) == 0
    assert re.search("Restarting, (one worker|two workers) at a time", service.terminal)


async def test_the_next_workers_start_while_one_before_still_ends(state_dir):
    """A request that is not finished holds its old worker for five seconds, and nothing else."""
    with serving(state_dir, "--workers", "2") as service:
        service.wait_for_line(SERVING)
        old = workers(service)
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(
            b"POST /admin/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        hang_up(service)
        await wait_until_async(lambda: len(workers(service) - old) == 2, "both successors have started")
        assert workers(service) & old
        writer.close()


class Slot:
    """A worker's slot, as a restart uses it. A gate opens when its new worker is ready."""

    def __init__(self, counts: dict[str, list[int]]) -> None:
        self.counts = counts
        self.gate, self.has_ended = asyncio.Event(), asyncio.Event()
        self.error: NotReady | None = None
        self.asked = False

    def count(self, name: str, change: int) -> None:
        self.counts[name].append(self.counts[name][-1] + change)

    async def start_successor(self):
        self.asked = True
        self.count("starting", 1)
        self.count("more", 1)
        await self.gate.wait()
        self.count("starting", -1)
        if self.error is not None:
            self.count("more", -1)
            raise self.error
        return self

    async def stop(self) -> None:
        await self.has_ended.wait()
        self.count("more", -1)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("more", "starting", "seen"), [(1, 2, 1), (3, 2, 3), (4, 2, 4), (4, 1, 4)])
async def test_processes_beside_the_n_are_bounded(more, starting, seen):
    counts = {"starting": [0], "more": [0]}
    slots = [Slot(counts) for _ in range(8)]
    each = Restart(more, starting)
    task = asyncio.gather(*(each.replace(slot) for slot in slots))
    await settle()
    assert sum(slot.asked for slot in slots) == min(starting, more)
    for slot in slots:
        slot.gate.set()
    await settle()
    # As many have begun as may: none of the old ones has ended yet.
    assert sum(slot.asked for slot in slots) == seen
    for slot in slots:
        slot.has_ended.set()
        await settle()
    await task
    assert (max(counts["starting"]), max(counts["more"])) == (min(starting, more), seen)
    assert (each.replaced, each.error) == (8, None)


async def test_after_a_failure_no_other_worker_is_started():
    slots = [Slot({"starting": [0], "more": [0]}) for _ in range(4)]
    each = Restart(4, 2)
    task = asyncio.gather(*(each.replace(slot) for slot in slots))
    await settle()
    slots[0].error = NotReady("broken")
    for slot in slots:
        slot.has_ended.set()
        slot.gate.set()
    await task
    # The second had begun already. It is kept: it serves.
    assert [slot.asked for slot in slots] == [True, True, False, False]
    assert (each.replaced, each.error) == (1, slots[0].error)


# --- memory --------------------------------------------------------------------------------------------


def test_this_machine_has_memory_for_more():
    assert resident_bytes(os.getpid()) > 10 * MEGABYTE
    assert resident_bytes(2**30) == 0
    assert 0 < free_bytes() < 2**50
    assert count_that_fit([], 4) == 0


@pytest.fixture
def machine(tmp_path):
    """Files as of Linux: a machine with 1,000 MB free, and a service in a slice."""
    proc, groups = tmp_path / "proc", tmp_path / "groups"
    (proc / "self").mkdir(parents=True)
    (groups / "web.slice/site.service").mkdir(parents=True)
    (proc / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable: {1000 * 1024} kB\n")
    (proc / "self/cgroup").write_text("0::/web.slice/site.service\n")
    return proc, groups


def limit(group, most: object, used: int, cached: int) -> None:
    (group / "memory.max").write_text(f"{most}\n")
    (group / "memory.current").write_text(f"{used}\n")
    (group / "memory.stat").write_text(f"anon 1\ninactive_file {cached}\nactive_file 7\n")


def test_the_tightest_limit_counts(machine):
    proc, groups = machine
    assert free_bytes(proc, groups) == 1000 * MEGABYTE
    limit(groups / "web.slice/site.service", "max", 7, 7)
    assert free_bytes(proc, groups) == 1000 * MEGABYTE
    limit(groups / "web.slice", 500 * MEGABYTE, 450 * MEGABYTE, 20 * MEGABYTE)
    assert free_bytes(proc, groups) == 70 * MEGABYTE
    limit(groups / "web.slice/site.service", 300 * MEGABYTE, 400 * MEGABYTE, 0)
    assert free_bytes(proc, groups) == 0


def test_where_nothing_is_known_nothing_is_free(tmp_path, machine):
    proc, groups = machine
    assert free_bytes(tmp_path / "none", groups) == 0
    (proc / "meminfo").write_text("MemAvailable: much\n")
    assert free_bytes(proc, groups) == 0
    (proc / "meminfo").write_text(f"MemAvailable: {1000 * 1024} kB\n")
    (proc / "self/cgroup").write_text("0::/../../somewhere\n")
    assert free_bytes(proc, groups) == 1000 * MEGABYTE


@pytest.mark.parametrize(("free", "fit"), [(0, 0), (199, 0), (200, 1), (650, 3), (10_000, 4)])
def test_half_of_the_free_memory_is_taken(monkeypatch, free, fit):
    monkeypatch.setattr(memory, "free_bytes", lambda: free)
    monkeypatch.setattr(memory, "resident_bytes", lambda pid: {1: 60, 2: 100}[pid])
    assert count_that_fit([1, 2], MOST_MORE) == fit


# --- the start -----------------------------------------------------------------------------------------


def test_garbage_is_collected_again_once_the_application_is_loaded(monkeypatch):
    seen: list[bool] = []
    module = types.ModuleType("of_the_tests")
    monkeypatch.setitem(sys.modules, "of_the_tests", module)
    # uvicorn reads the attribute while it loads.
    module.__getattr__ = lambda name: seen.append(gc.isenabled()) or (lambda scope: None)  # type: ignore[method-assign]
    Config("of_the_tests:application", log_config=None).load()
    assert seen
    assert not any(seen)
    assert gc.isenabled()
    with pytest.raises(SystemExit):
        Config("of_the_tests_nowhere:application", log_config=None).load()
    assert gc.isenabled()
