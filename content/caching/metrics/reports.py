"""Totals of all processes, summed in Redis: each adds what it has counted since its last report."""

import atexit
import logging
import math
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from redis.exceptions import RedisError, ResponseError

from ..backends.server import Server
from ..release import release_digest
from .events import EventCounts, current_totals
from .process import Process, read_process
from .waits import publish, reader_waits, waits_key

logger = logging.getLogger("content.caching")

EVERY = 5.0
# Seconds between two reports of readers' waits: warming makes way within seconds.
WAITS_EVERY = 1.0
ANNOUNCED_EVERY = 60.0
# A process that has not reported for this long has ended.
EXPIRED_AFTER = 4 * EVERY

SEPARATOR = "|"
# Redis's errors say these if the key is no hash, or the field no number.
UNUSABLE = ("WRONGTYPE", "not a float", "NaN or Infinity")
# Bytes, calls or seconds: thirty years at a terabyte a second.
LARGEST_SUM = 1e21


class Description(NamedTuple):
    """The fields of `Process` that the first engine of a process knows."""

    memory_bytes: int
    memory_entries: int
    is_heard: bool
    has_readers: bool
    propagation_seconds: float | None = None
    open_breakers: int = 0


Collect = Callable[[Callable[[], Any]], None]


def ignore_reads(connect: Callable[[], Any]) -> None:
    """The default of `collect`, for a process that counts no heat."""


@dataclass(frozen=True)
class Report:
    """Sums since the counters were last reset with their Redis, and the processes that report."""

    totals: EventCounts
    processes: tuple[Process, ...]


class Reporter:
    """A thread that reports every five seconds, and once more at the end of the process.

    `announce`: called every minute in which Redis answers. `collect`: called before each report, the last one too,
    with a function that returns a client. It raises nothing. `measure_coverage`: what the report has of the memory.
    """

    def __init__(
        self,
        server: Server,
        prefix: str,
        describe: Callable[[], Description],
        announce: Callable[[], None] = lambda: None,
        collect: Collect = ignore_reads,
        measure_coverage: Callable[[], Any] = lambda: None,
    ) -> None:
        self.server = server
        self.measure_coverage = measure_coverage
        self.describe = describe
        self.announce = announce
        self.collect = collect
        self.counts = f"{{{prefix}:stats}}"
        self.waits = waits_key(prefix)
        self.processes = f"{{{prefix}:stats}}:processes"
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.sent: EventCounts = Counter()
        self.announced_at = -math.inf
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.client: Any = None
        self.thread = threading.Thread(target=self.run, name="cache statistics", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def run(self) -> None:
        flushed_at = time.monotonic()
        while not self.stopping.wait(WAITS_EVERY):
            try:
                self.publish_waits()
                if time.monotonic() - flushed_at >= EVERY:
                    flushed_at = time.monotonic()
                    self.report_once()
            except Exception:
                # The thread goes on: without it a process would never be counted again, and nobody would know.
                logger.exception("The statistics of this process could not be reported; retrying.")

    def report_once(self) -> None:
        self.collect(self.connect)
        if self.flush() and time.monotonic() - self.announced_at >= ANNOUNCED_EVERY:
            self.announced_at = time.monotonic()
            self.announce()

    def publish_waits(self) -> None:
        """How long readers of this process waited in the last second; nothing if nobody waited."""
        wait = reader_waits.take()
        if wait is None:
            return
        try:
            with self.lock:
                publish(self.connect(), self.waits, self.name, wait)
        except (RedisError, OSError) as error:
            logger.debug("waits of readers are not reported: %s", error)

    def connect(self) -> Any:
        if self.client is None:
            self.client = self.server.sync_client()
        return self.client

    def flush(self) -> bool:
        """Whether Redis took it. If not, the counts go with the next."""
        with self.lock:
            totals = current_totals()
            news = {
                event: amount - self.sent[event] for event, amount in totals.items() if amount != self.sent[event]
            }
            try:
                self._send(news)
            except (RedisError, OSError) as error:
                logger.debug("statistics are not taken: %s", error)
                return False
            self.sent = totals
            return True

    def _send(self, news: dict[tuple[str, str, str], int]) -> None:
        """Each command by itself: a sum that Redis cannot add to is begun anew, and the others count once."""
        client, process = self.connect(), msgspec.json.encode(self.process())
        pipeline = client.pipeline(transaction=False)
        for event, amount in news.items():
            pipeline.hincrbyfloat(self.counts, SEPARATOR.join(event), amount)
        pipeline.hset(self.processes, self.name, process)
        *answers, kept = pipeline.execute(raise_on_error=False)
        failed = {
            event: amount for (event, amount), answer in zip(news.items(), answers, strict=True) if _is_bad(answer)
        }
        if failed:
            self._delete_unless_hash(self.counts)
            client.hset(self.counts, mapping={SEPARATOR.join(event): amount for event, amount in failed.items()})
        if _is_bad(kept):
            self._delete_unless_hash(self.processes)
            client.hset(self.processes, self.name, process)

    def _delete_unless_hash(self, key: str) -> None:
        if self.connect().type(key) != b"hash":
            self.connect().unlink(key)

    def process(self) -> Process:
        return Process(
            at=time.time(),
            host=socket.gethostname(),
            pid=os.getpid(),
            release=release_digest(),
            coverage=self.measure_coverage(),
            started_at=reporting.started_at,
            **self.describe()._asdict(),
        )

    def report(self) -> Report:
        """The report of all processes, with the latest of this one. Raises RedisError or OSError."""
        self.flush()
        client, now = self.connect(), time.time()
        totals = _readable_totals(client.hgetall(self.counts))
        reports = {name: read_process(content) for name, content in client.hgetall(self.processes).items()}
        living = {
            name: process
            for name, process in reports.items()
            # A time ahead of now is of another clock, or not ours at all.
            if process is not None and abs(now - process.at) < EXPIRED_AFTER
        }
        if expired := reports.keys() - living.keys():
            client.hdel(self.processes, *expired)
        return Report(totals, tuple(process for _, process in sorted(living.items())))

    def stop(self) -> None:
        if not self.stopping.is_set():
            self.stopping.set()
            self.collect(self.connect)
            if self.flush():
                self._leave()
            self.connect().close()

    def _leave(self) -> None:
        """This process has ended: it is counted no longer."""
        try:
            self.connect().hdel(self.processes, self.name)
        except (RedisError, OSError) as error:
            logger.debug("this process is counted for a while: %s", error)


def _is_bad(answer: Any) -> bool:
    """Whether the answer shows that the key holds no sum of this program. Raises any other error."""
    if not isinstance(answer, Exception):
        return isinstance(answer, float) and not abs(answer) < LARGEST_SUM
    if isinstance(answer, ResponseError) and any(reason in str(answer) for reason in UNUSABLE):
        return True
    raise answer


def _readable_totals(stored: dict[bytes, bytes]) -> EventCounts:
    """The sums, without fields that other programs wrote."""
    totals: EventCounts = Counter()
    for field, amount in stored.items():
        try:
            what, resource, tier = field.decode().split(SEPARATOR)
            number = float(amount)
        except ValueError:
            continue
        if abs(number) < LARGEST_SUM:
            totals[what, resource, tier] = number  # type: ignore[assignment]  # typeshed has Counter hold int
    return totals


class Reporting:
    """The one reporter of this process."""

    def __init__(self) -> None:
        self.reporter: Reporter | None = None
        # The start of this process, in Unix seconds.
        self.started_at = time.time()
        # Returns which of the hottest entries the memory of this process has; None if nobody measures it.
        self.measure_coverage: Callable[[], Any] = lambda: None
        self.lock = threading.Lock()

    def begin(
        self,
        server: Server,
        prefix: str,
        describe: Callable[[], Description],
        announce: Callable[[], None] = lambda: None,
        collect: Collect = ignore_reads,
    ) -> None:
        """The first engine with a Redis decides where; later ones report with it."""
        with self.lock:
            if self.reporter is None:
                self.reporter = Reporter(server, prefix, describe, announce, collect, lambda: self.measure_coverage())
                self.reporter.start()

    def end(self) -> None:
        with self.lock:
            reporter, self.reporter = self.reporter, None
        if reporter is not None:
            reporter.stop()

    def forget(self) -> None:
        """Called in a forked child: thread and connection are the parent's."""
        self.lock = threading.Lock()
        self.reporter = None
        self.started_at = time.time()


reporting = Reporting()
atexit.register(reporting.end)
os.register_at_fork(after_in_child=reporting.forget)
