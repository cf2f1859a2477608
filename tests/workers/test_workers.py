"""Workers: one event loop a process, a constant number of connections, leases, and a valid schedule."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable

import pytest
from django.core.cache import cache
from redis import Redis

from content import resources
from content.caching import serializer
from content.caching.backends.server import server_of
from content.caching.compressor import ZstdCompressor
from content.caching.entry import NOWHERE, unpack
from content.caching.refresh_queue import PAGES, RefreshQueue, RefreshRequest
from content.caching.release import digest_of
from content.ops.live.history import MOST
from content.warming.choice import ChoiceError
from content.warming.runs import SteeringError
from tests.support.servers.redis import RedisServer, running_redis
from tests.support.wait import wait_until
from tests.support.worker import RELEASE, Worker, children_of, running_worker
from workers import app, background, lease, tasks
from workers.lease import with_lease
from workers.loop import WorkerLoop
from workers.schedule import SCHEDULE

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server():
    with running_redis() as running:
        yield running


@pytest.fixture(scope="module")
def worker(server, tmp_path_factory):
    state_dir = tmp_path_factory.mktemp("worker")
    with running_worker(server, state_dir, include="tests.support.quick_history") as running:
        running.finish()
        yield running


# A pool grows when two tasks of its process use it at once, which may happen late.
LATE = 4
# Seconds between two points of the worker's history of dashboards (tests.support.quick_history).
EVERY = 0.5


def run_tasks(worker: Worker, count: int) -> None:
    """Each task reads and writes the cache, and queries the database."""
    for _ in range(count):
        worker.send("warm", ["site", "popular"], ["/"], None, False)
    worker.finish(600)


def test_connections_are_the_same_after_some_tasks(worker: Worker):
    run_tasks(worker, 100)
    before = worker.connections()
    run_tasks(worker, 40)
    assert worker.connections() <= before + LATE


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_connections_are_the_same_after_ten_thousand_tasks(worker: Worker):
    run_tasks(worker, 100)
    before = worker.connections()
    run_tasks(worker, 10_000)
    assert worker.connections() <= before + LATE


def test_a_task_whose_process_is_killed_is_done_by_another(worker: Worker, server: RedisServer):
    with server.client() as client:
        client.flushall()
    for child in children_of(worker.process.pid):
        os.kill(child, signal.SIGKILL)
    run_tasks(worker, 100)
    with server.client() as client:
        wait_until(lambda: any(b":site@" in key for key in client.keys("*")), "the site is warm again")


def test_the_worker_refreshes_queued_entries(worker: Worker, server: RedisServer):
    """Without a task: its processes wait for the refresh queue."""
    queue = RefreshQueue(server_of(server.url, {}), "evergreen", digest_of(RELEASE))

    with server.client() as client:
        (key,) = client.keys("*:site@*:")
        before = made_at_of(client.get(key))
        assert asyncio.run(queue.add(RefreshRequest("site", resources.site.schema, (), before, NOWHERE)))
        wait_until(lambda: made_at_of(client.get(key)) > before, "the site is loaded again")


def test_a_killed_owner_of_the_control_loop_is_replaced_within_seconds(worker: Worker, server: RedisServer):
    """The other process of the worker does it, or the one that replaces the killed one."""
    with server.client() as client:
        owner = wait_for_owner(client, lambda pid: True)
        assert owner in children_of(worker.process.pid)
        killed_at = time.monotonic()
        os.kill(owner, signal.SIGKILL)
        assert wait_for_owner(client, lambda pid: pid != owner) in children_of(worker.process.pid)
        # Far more than it takes, for a busy machine; without the attempts of each second it would be a minute.
        assert time.monotonic() - killed_at < 30


def wait_for_owner(client: Redis, condition: Callable[[int], bool]) -> int:
    """The process whose report says that it runs the loop."""
    pids: list[int] = []

    def is_reported() -> bool:
        for key in client.keys("*warming:state:*"):
            stored = ZstdCompressor({}).decompress(client.get(key) or b"\xa2{}")
            pids.append(json.loads(str(serializer.unpack(stored))).get("pid", 0))
        return bool(pids) and pids[-1] > 0 and condition(pids[-1])

    wait_until(is_reported, "an owner reports")
    return pids[-1]


def test_a_task_starts_the_loop_only_where_none_runs(monkeypatch):
    started = []

    async def keep_warm() -> None:
        started.append(1)
        await asyncio.Event().wait()

    monkeypatch.setattr(background, "keep_warm", keep_warm)
    monkeypatch.setattr(background, "warming", {})
    for _ in range(3):
        tasks.keep_warm()
    future = background.warming[os.getpid()]
    wait_until(lambda: started, "it has started")
    future.cancel()
    wait_until(future.done, "it has ended")
    tasks.keep_warm()
    wait_until(lambda: len(started) == 2, "it has started again")
    background.warming[os.getpid()].cancel()


def test_one_process_of_the_worker_records_the_history_of_dashboards(worker: Worker, server: RedisServer):
    """A point each EVERY seconds, from one process only, in a list that is bounded and expires."""
    key = "{evergreen:live}:history"
    with server.client() as client:
        client.delete(key)
        old = json.dumps({"at": 1.0, "epoch": "e", "counters": {}, "gauges": {}})
        client.rpush(key, *[old] * (MOST + 10))
        wait_until(lambda: len(read_recorded_points(client, key)) >= 3, "three points are recorded")
        points = read_recorded_points(client, key)
        # It is shortened after each point.
        wait_until(lambda: client.llen(key) == MOST, "the list is bounded")
        assert 0 < client.ttl(key) <= 2 * 3600
    numbers = [int(point["at"] // EVERY) for point in points]
    assert numbers == sorted(set(numbers)), "two processes record"
    assert all(point["counters"] for point in points)
    assert {point["epoch"] for point in points} == {points[0]["epoch"]} != {""}


def read_recorded_points(client: Redis, key: str) -> list[dict]:
    """The points of this test's worker."""
    return [point for point in map(json.loads, client.lrange(key, -20, -1)) if point["at"] > 1.0]


def test_the_worker_makes_queued_pages(worker: Worker, server: RedisServer):
    """Without a task as well: it has the application, and stores what a server would."""
    queue = RefreshQueue(server_of(server.url, {}), "evergreen", digest_of(RELEASE), PAGES)
    message = RefreshRequest("page", "1", ("http://localhost/robots.txt", ()), 0.0, NOWHERE)

    with server.client() as client:
        wait_until(lambda: asyncio.run(queue.add(message)), "a worker that makes pages is heard")
        wait_until(lambda: client.keys("*:page@*:http://localhost/robots.txt"), "the page is stored")


def made_at_of(stored: bytes) -> float:
    return unpack(stored).header.made_at


@pytest.mark.django_db
def test_every_job_names_a_task_that_exists():
    app.loader.import_default_modules()
    assert {job.task for job in SCHEDULE} <= set(app.tasks)
    assert all(job.reason for job in SCHEDULE)


def test_tasks_are_json_and_other_content_is_refused():
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"


def test_a_leased_task_does_not_run_beside_itself():
    cache.clear()
    inside, leave = threading.Event(), threading.Event()

    @with_lease("test", seconds=60)
    def slow() -> str:
        inside.set()
        leave.wait(60)
        return "ran"

    first: list[str | None] = []
    thread = threading.Thread(target=lambda: first.append(slow()))
    thread.start()
    inside.wait(60)
    assert slow() is None
    leave.set()
    thread.join()
    assert first == ["ran"]
    assert slow() == "ran"


def test_an_expired_lease_is_not_released_for_its_next_holder():
    cache.clear()

    @with_lease("test", seconds=60)
    def overtaken() -> None:
        cache.set("lease:test", "somebody else")

    overtaken()
    assert cache.get("lease:test") == "somebody else"


def test_a_task_that_runs_for_longer_than_its_lease_keeps_it():
    cache.clear()

    @with_lease("test", seconds=1)
    def slow() -> str | None:
        ends_at = time.monotonic() + 1.5
        wait_until(lambda: time.monotonic() > ends_at, "the lease would have ended")
        return slow_again()

    @with_lease("test", seconds=1)
    def slow_again() -> str:
        return "ran"

    assert slow() is None
    assert slow_again() == "ran"


def test_a_task_whose_process_died_runs_again_within_seconds():
    cache.clear()
    cache.set("lease:test", "the token of a process that was killed", timeout=lease.SECONDS)
    assert lease.SECONDS <= 10
    assert with_lease("test")(lambda: "ran")() is None
    cache.touch("lease:test", timeout=0.01)
    wait_until(lambda: with_lease("test")(lambda: "ran")() == "ran", "it is taken over", 5)


def test_without_a_cache_a_leased_task_runs(settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert with_lease("test", seconds=60)(lambda: "ran")() == "ran"


@pytest.mark.django_db(transaction=True)
def test_all_work_of_a_process_runs_on_one_loop():
    loop = WorkerLoop()

    async def where() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert loop.run(where()) is loop.run(where())


@pytest.mark.django_db(transaction=True)
def test_work_that_takes_too_long_is_cancelled():
    loop, cancelled = WorkerLoop(), threading.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(TimeoutError):
        loop.run(endless(), timeout=1.0)
    assert cancelled.wait(60)


@pytest.mark.django_db(transaction=True)
def test_a_task_starts_the_same_run_as_the_command_and_says_so():
    started = tasks.warm(["post"], ["/"], started_by="cron")
    assert (started["state"], started["trigger"], started["started_by"]) == ("queued", "task", "cron")
    assert started["choice"] == {"names": ["post"], "urls": ["/"]}
    assert tasks.warm(["post"], ["/"])["id"] == started["id"]
    assert tasks.warm_run(started["id"], "pause")["state"] == "paused"
    assert tasks.warm_run(started["id"])["plan"] == "post, /"


@pytest.mark.django_db(transaction=True)
def test_a_task_with_bad_input_fails_with_words():
    with pytest.raises(ChoiceError, match="Did you mean post"):
        tasks.warm(["psot"])
    with pytest.raises(SteeringError, match="There is no run 7"):
        tasks.warm_run(7)
    started = tasks.warm()
    with pytest.raises(SteeringError, match="'burn' is none of cancel, pause, resume and retry"):
        tasks.warm_run(started["id"], "burn")


def test_the_result_of_a_task_can_be_read(worker: Worker, server: RedisServer):
    """Any program that has the broker reads the run, or what was wrong."""
    worker.send("warm", ["psot"])
    worker.send("warm", ["site"])

    def list_results() -> list[dict]:
        with server.client() as client:
            return [json.loads(client.get(key)) for key in client.keys("*celery-task-meta-*")]

    wait_until(lambda: any(each["status"] == "FAILURE" for each in list_results()), "the failure is stored")
    wait_until(lambda: any(each["status"] == "SUCCESS" for each in list_results()), "the success is stored")
    by_status = {each["status"]: each["result"] for each in list_results()}
    assert "Did you mean" in str(by_status["FAILURE"])
    assert by_status["SUCCESS"]["plan"] in ("site", "site, popular, /")


def test_a_purge_by_name_is_done_and_its_result_can_be_read(worker: Worker, server: RedisServer):
    worker.send("warm", ["site"])
    worker.finish()

    def count_reports() -> int:
        with server.client() as client:
            return sum(client.hlen(key) for key in client.keys("*:stats}:processes"))

    wait_until(lambda: count_reports() >= 2, "both processes have reported")
    done = worker.queue.send_task("workers.tasks.purge", kwargs={"names": ["site"], "soft": True}).id
    refused = worker.queue.send_task("workers.tasks.purge", kwargs={"groups": ["category:nwes"]}).id

    def result_of(task: str) -> dict:
        with server.client() as client:
            stored = [client.get(key) for key in client.keys(f"*celery-task-meta-{task}")]
        return json.loads(stored[0]) if stored else {}

    wait_until(lambda: result_of(done) and result_of(refused), "both results are stored")
    result = result_of(done)["result"]
    assert (result["id"], result["is_recorded"], result["tags"]) == (1, True, ["resource:site"])
    assert result["judged"] == result["ended"]
    assert result["reached"] >= 1
    failure = result_of(refused)["result"]
    assert failure["exc_type"] == "BadSelection"
    assert "There is no category with the id or the slug" in str(failure["exc_message"])
