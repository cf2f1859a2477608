"""Faults of a running service: each breaks one thing for a while, and mends it."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import httpx

from tests.support.alerts.plant import POSTS, Plant, repeating
from tests.support.alerts.redis_faults import (
    log_forbidden,
    memory_full,
    memory_too_small,
    reads_forbidden,
    redis_killed,
    sums_forbidden,
)
from tests.support.service import ROOT, running_service
from tests.support.wait import wait_until
from tests.support.worker import QUEUE, new_sender, send

OUTBOX = "caching_watch_watchedchange"
# The name of a table or column while it is out of reach.
AWAY = "moved_by_a_test"
# The pattern of an address in a sitemap.
PATH = re.compile(r"<loc>[a-z]+://[^/<]+([^<]*)</loc>")


@dataclass(frozen=True)
class Break:
    """`alert` fires while the plant is broken. `follows`: what may fire too, by nature."""

    alert: str
    fault: Callable[[Plant], AbstractContextManager[None]]
    follows: frozenset[str] = frozenset()


@contextmanager
def web_killed(plant: Plant) -> Iterator[None]:
    plant.web.interrupt()
    yield
    plant.web = plant.start_web()


@contextmanager
def database_crashed(plant: Plant) -> Iterator[None]:
    plant.postgres.crash()
    yield
    plant.postgres.start()


@contextmanager
def worker_killed(plant: Plant) -> Iterator[None]:
    plant.kill("worker")
    yield
    plant.start_worker()


@contextmanager
def beat_killed(plant: Plant) -> Iterator[None]:
    plant.kill("beat")
    yield
    plant.start_beat()


@contextmanager
def too_many_tasks(plant: Plant) -> Iterator[None]:
    """Somebody sends more tasks than the worker can do."""
    sender = new_sender(plant.redis)

    def send_many() -> None:
        for _ in range(100):
            send(sender, "workers.tasks.remove_old_releases", queue="warm")

    with repeating(send_many, 0.1):
        yield
    with plant.redis.client() as client:
        client.delete(f"{QUEUE}warm")
    sender.close()


@contextmanager
def queue_left_out(plant: Plant) -> Iterator[None]:
    """The worker does not take from the queue of most jobs."""
    plant.kill("worker")
    plant.start_worker("-Q", "refresh")
    yield
    plant.kill("worker")
    plant.start_worker()


@contextmanager
def job_broken(plant: Plant) -> Iterator[None]:
    """The job that writes heat finds no table."""
    often = "UPDATE content_scheduledjob SET seconds = {} WHERE name = 'write heat'"
    plant.execute(often.format(2), f"ALTER TABLE content_heatsnapshot RENAME TO {AWAY}")
    yield
    plant.execute(f"ALTER TABLE {AWAY} RENAME TO content_heatsnapshot")
    # The next run succeeds.
    yield_to_job(plant)
    plant.execute(often.format("NULL"))


def yield_to_job(plant: Plant) -> None:
    def has_run() -> bool:
        with plant.connect() as connection:
            row = connection.execute("SELECT written_at > now() - interval '3 seconds' FROM content_heatsnapshot")
            return bool((row.fetchone() or [False])[0])

    wait_until(has_run, "the job has run", 30)


@contextmanager
def row_locked(plant: Plant) -> Iterator[None]:
    """A change that no relay can take, as somebody holds its row."""
    with plant.connect() as holder, plant.connect() as writer:
        holder.autocommit = False
        for _ in range(200):
            writer.execute(
                "UPDATE content_post SET title = title || '.' WHERE id = (SELECT min(id) FROM content_post)"
            )
            held = holder.execute(f"SELECT id FROM {OUTBOX} WHERE epoch = '' FOR UPDATE SKIP LOCKED").fetchall()
            if held:
                break
            holder.rollback()
        assert held
        yield
        holder.rollback()


@contextmanager
def loads_slow(plant: Plant) -> Iterator[None]:
    """Somebody locks the table of posts again and again, and pages are purged meanwhile."""
    paths = [f"/archive/{year}/" for year in range(2015, 2027)] + ["/", "/archive/", "/feed.xml", "/popular/"]

    def hold() -> None:
        with plant.connect() as connection, connection.transaction():
            connection.execute("LOCK TABLE content_post IN ACCESS EXCLUSIVE MODE")
            connection.execute("SELECT pg_sleep(2.5)")

    def purge() -> None:
        plant.manage("purge_cache", "--all")

    with ExitStack() as stack:
        stack.enter_context(repeating(hold, 0.05))
        stack.enter_context(repeating(purge, 0.5))
        for path in paths:
            stack.enter_context(repeating(partial(httpx.get, plant.url + path, timeout=20), 0.1))
        yield


@contextmanager
def searches(plant: Plant) -> Iterator[None]:
    """Words that nobody has searched for before."""
    number = iter(range(10**9))
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(
                repeating(lambda: httpx.get(f"{plant.url}/search/?q=word{next(number)}", timeout=20), 0.002)
            )
        yield


@contextmanager
def errors(plant: Plant) -> Iterator[None]:
    """What is not cached fails."""
    plant.execute(f"ALTER TABLE content_post RENAME COLUMN search TO {AWAY}")
    number = iter(range(10**9))
    with repeating(lambda: httpx.get(f"{plant.url}/search/?q=word{next(number)}", timeout=20), 0.05):
        yield
    plant.execute(f"ALTER TABLE content_post RENAME COLUMN {AWAY} TO search")


@contextmanager
def cold(plant: Plant) -> Iterator[None]:
    """Much has been read, nothing is warm, and warming is paused."""
    with httpx.Client(base_url=plant.url, timeout=20) as client:
        paths = PATH.findall(client.get("/sitemap.xml").text)
        assert len(paths) > POSTS
        for path in paths * 2:
            client.get(path)
    plant.manage("warm_cache", "--pause", "600")
    with repeating(lambda: plant.manage("purge_cache", "--all"), 0.2):
        yield
    plant.manage("warm_cache", "--go-on")


@contextmanager
def cdn_refuses(plant: Plant) -> Iterator[None]:
    plant.cdn.refuses = True
    plant.manage("purge_cache", "--url", "/archive/")
    yield
    plant.cdn.refuses = False


@contextmanager
def entries_corrupted(plant: Plant) -> Iterator[None]:
    """Rows change, and no trigger announces it. Somebody verifies the cache."""
    command = [sys.executable, "manage.py", "verify_cache", "--sample", "1000"]
    silent = "SET session_replication_role = replica"
    plant.execute(silent, "UPDATE content_post SET title = 'Silent ' || id")
    verify = partial(subprocess.run, command, cwd=ROOT, env=plant.environment, capture_output=True, check=False)
    with repeating(verify, 0.5):
        yield


@contextmanager
def other_release(plant: Plant) -> Iterator[None]:
    environment = plant.own | {"EVERGREEN_RELEASE": "another", "EVERGREEN_START_WITHIN": "0"}
    folder = plant.folder.with_name("another")
    folder.mkdir(exist_ok=True)
    with running_service(folder, command="serve", environment=environment) as second:
        second.wait_for_line("Serving on")
        yield


# What a cold or slow cache brings about.
COLD = frozenset({"HitRatioLow", "CoverageLow", "ReadersWait", "BacklogGrowing"})

BREAKS = (
    Break("WorkerDown", worker_killed),
    Break("BeatDown", beat_killed),
    # A process may find Redis again a moment before its breaker does.
    Break("RedisDown", redis_killed, COLD | {"BreakerOpen"}),
    Break("DatabaseDown", database_crashed, COLD | {"Errors5xx"}),
    Break("TargetDown", web_killed),
    Break("BacklogGrowing", too_many_tasks, frozenset({"JobOverdue"})),
    Break("JobOverdue", queue_left_out, frozenset({"BacklogGrowing", "WorkerDown"})),
    # A job that fails again and again has no success for longer than its interval.
    Break("JobFailed", job_broken, frozenset({"JobOverdue"})),
    Break("OutboxBehind", row_locked),
    Break("ReadersWait", loads_slow, COLD),
    Break("HitRatioLow", searches, COLD),
    Break("Errors5xx", errors, COLD),
    Break("CoverageLow", cold, COLD),
    Break("CdnBehind", cdn_refuses),
    Break("ProcessDeaf", log_forbidden, COLD | {"OutboxBehind", "JobFailed"}),
    Break("InconsistentEntries", entries_corrupted, COLD),
    # Heartbeats are read by the same command.
    Break(
        "BreakerOpen", reads_forbidden, COLD | {"WorkerDown", "BeatDown", "ProcessDeaf", "OutboxBehind", "JobFailed"}
    ),
    Break("RedisMemoryFull", memory_full, COLD | {"OutboxBehind", "JobFailed", "Evictions"}),
    Break("Evictions", memory_too_small, COLD | {"RedisMemoryFull"}),
    Break("ReleaseMixed", other_release, COLD),
    Break("StatisticsMissing", sums_forbidden),
)
