"""A real Celery worker on a Redis of the tests' own."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from celery import Celery

from content.caching.release import digest_of
from tests.support.servers.process import stop
from tests.support.servers.redis import RedisServer
from tests.support.service import environment_of, make_tables
from tests.support.wait import READY_SECONDS, wait_until
from tests.support.warm_process import WarmProcess

QUEUE = "evergreen:queue:"
RELEASE = "of the tests"
QUEUES = ("refresh", "celery", "warm")


class Worker:
    """The process, the queue that it takes from, and how many connections it holds."""

    def __init__(self, server: RedisServer, process: WarmProcess) -> None:
        self.server = server
        self.process = process
        self.queue = new_sender(server)

    def send(self, task: str, *arguments: object) -> None:
        send(self.queue, f"workers.tasks.{task}", *arguments)

    def unfinished_tasks(self) -> int:
        with self.server.client() as client:
            queues = [f"{QUEUE}{name}{own}" for name in QUEUES for own in ("", f".{digest_of(RELEASE)}")]
            return int(sum(map(client.llen, queues))) + int(client.hlen(f"{QUEUE}unacked"))

    def finish(self, seconds: float = READY_SECONDS) -> None:
        wait_until(lambda: self.unfinished_tasks() == 0, "the worker has done all its tasks", seconds)

    def connections(self) -> int:
        """Connections to Redis, without this one. Senders keep theirs: a difference of two counts is the worker's."""
        with self.server.client() as client:
            return len(client.client_list()) - 1


def new_sender(server: RedisServer) -> Celery:
    """Another program, which knows the broker and names."""
    sender = Celery("sender", broker=server.url)
    sender.conf.broker_transport_options = {"global_keyprefix": QUEUE}
    return sender


def send(sender: Celery, task: str, *arguments: object, queue: str = "celery") -> None:
    sender.send_task(task, args=arguments, queue=queue)


@contextmanager
def running_worker(
    server: RedisServer,
    state_dir: Path,
    *,
    concurrency: int = 2,
    include: str = "",
    environment: dict[str, str] | None = None,
    log_servers: Sequence[RedisServer] = (),
) -> Iterator[Worker]:
    """`include`: a module with more tasks. `log_servers`: those of the log, if it is not `server`."""
    own = {"REDIS_URL": server.url, "EVERGREEN_RELEASE": RELEASE}
    environment = environment_of(state_dir) | own | (environment or {})
    make_tables(state_dir)
    command = [
        "-m",
        "celery",
        "-A",
        "workers",
        "--quiet",
        "worker",
        "--concurrency",
        str(concurrency),
        *(["--include", include] if include else []),
    ]
    with (state_dir / "worker.log").open("w") as log:
        process = WarmProcess(command, environment, log=log, is_group=True)
    worker = Worker(server, process)
    try:
        wait_until(lambda: any(map(is_heard, log_servers or [server])), "the worker is heard")
        yield worker
    finally:
        worker.queue.close()
        if process.poll() is None:
            stop(process)


def is_heard(server: RedisServer) -> bool:
    with server.client() as client:
        return any(key.endswith(b"worker:last-heartbeat") for key in client.keys("*"))


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if os.path.exists(f"/proc/{pid}") else []
    return [int(child) for child in found]
