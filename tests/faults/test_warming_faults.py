"""Processes are killed in the middle of warming. Afterwards all is warm for readers, and the loop has one owner.

`pytest -m slow -s tests/faults/test_warming_faults.py` prints what was delayed, and for how long.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.support.service import Service
from tests.support.wait import wait_until
from tests.support.warming.readers import Readers, list_misses
from tests.support.warming.site import Site, running_site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Seconds within which all is warm again. Far more than it takes, for a busy machine.
BOUND = 90.0
# Seconds for which Redis is down.
DOWN = 2.0
MOMENT = 1.0


@dataclass
class Table:
    """One row for each fault: the delays that it caused."""

    rows: list[tuple[str, str, str, int, str]] = field(default_factory=list)

    def print(self) -> None:
        print(
            "\n| fault | owner again after | all warm again after | requests that failed | longest wait of a reader |"
        )
        print("|---|---|---|---|---|")
        for row in self.rows:
            print("| " + " | ".join(map(str, row)) + " |")


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    table = Table()
    yield table
    table.print()


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    """Two workers, a beat, and two processes that serve readers."""
    with running_site(tmp_path_factory.mktemp("site")) as site:
        began = time.monotonic()
        for name in ("worker 1", "worker 2"):
            site.start_worker(name)
        site.start("beat 1", "beat")
        site.wait_until_warm(began, BOUND)
        yield site


@pytest.fixture(scope="module")
def server(site) -> Service:
    return site.start_server()


@pytest.fixture
def strike(site, server, table):
    """Empty the cache, let the fault happen in the middle of warming, and measure until all is warm again."""

    def measure(name: str, fault: Callable[[], None]) -> Readers:
        site.wait_until_warm(time.monotonic(), BOUND)
        readers = Readers(server.url, site.paths)
        with readers.reading():
            emptied_at = site.empty()
            # The flush took the lease: the fault hits the owner that has it now.
            wait_until(lambda: site.is_reported_since(emptied_at) and len(site.pages()) >= 5, "warming has begun")
            before = site.terms()[-1]
            struck_at = time.monotonic()
            fault()
            warm = site.wait_until_warm(struck_at, BOUND)
        last = site.terms()[-1]
        owner = f"{last.began - struck_at:.1f} s" if last != before and last.began > struck_at else "the same"
        table.rows.append((name, owner, f"{warm:.1f} s", len(readers.failures), f"{max(readers.waits):.2f} s"))
        assert_one_owner_at_a_time(site)
        assert list_misses(server.url, site.paths) == []
        return readers

    return measure


def assert_one_owner_at_a_time(site: Site) -> None:
    """A killed owner ends without a note: at the latest when its process was gone.

    A flush takes the lease from an owner, who stops when it renews: on a busy machine a moment after the next begins.
    """
    terms = site.terms()
    for number, term in enumerate(terms[:-1]):
        following = terms[number + 1]
        if term.ended is not None:
            assert term.ended <= following.began + MOMENT, (term, following)
        else:
            assert not os.path.exists(f"/proc/{term.pid}"), (term, following)


def test_the_worker_that_owns_the_loop_is_killed(site, strike):
    def kill_owner() -> None:
        site.kill(site.worker_of(site.state()["pid"]))

    readers = strike("`kill -9` of the worker that owns the loop", kill_owner)
    assert readers.failures == []
    for name in {"worker 1", "worker 2"} - set(site.processes):
        site.start_worker(name)


def test_beat_is_killed(site, strike):
    readers = strike("`kill -9` of beat", lambda: site.kill("beat 1"))
    assert readers.failures == []
    site.start("beat 1", "beat")


def test_redis_is_killed_and_comes_back_empty(site, strike):
    readers = strike("`kill -9` of Redis, back empty after 2 s", lambda: site.kill_redis(lose=True, seconds=DOWN))
    assert readers.failures == []


def test_redis_is_killed_and_comes_back_with_its_data(site, strike):
    readers = strike(
        "`kill -9` of Redis, back with data after 2 s", lambda: site.kill_redis(lose=False, seconds=DOWN)
    )
    assert readers.failures == []


def test_a_process_that_serves_readers_is_killed(server, strike):
    """Connections to the killed process end; their readers ask again."""
    children = [pid for pid in server.descendants() if pid != server.process.pid]
    readers = strike("`kill -9` of one of two web processes", lambda: os.kill(children[-1], signal.SIGKILL))
    assert len(readers.failures) <= 4


def test_two_beats_send_each_task_twice(site, strike):
    def start() -> None:
        nonlocal began
        began = time.monotonic()
        site.start("beat 2", "beat")

    began = 0.0
    readers = strike("two beats", start)
    assert readers.failures == []
    owner = site.terms()[-1].pid
    doubled = [key for key, count in loads_of_posts(site, began).items() if count > 1]
    assert doubled == []
    site.kill("beat 2")
    assert site.state()["pid"] == owner


def loads_of_posts(site: Site, since: float) -> Counter[str]:
    """The loads by key. Without an edit each document is loaded once, by one process."""
    return Counter(key for _, key in site.loads(since) if key.startswith("post@"))


def test_no_worker_is_left_and_one_comes_back(site, strike):
    """Readers load for themselves meanwhile. The first worker that starts warms the rest."""

    def leave_alone() -> None:
        for name in ("worker 1", "worker 2"):
            site.kill(name)
        time.sleep(5)
        site.start_worker("worker 1")

    readers = strike("no worker for 5 s, and a new one", leave_alone)
    assert readers.failures == []
