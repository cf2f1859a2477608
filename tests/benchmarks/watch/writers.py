"""Many writers of single rows on PostgreSQL: how late a relay is, and what NOTIFY would cost beside polling.

The writers are another program, which knows nothing of caches: a relay alone delivers what they write.
"""

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from rich.table import Table

from tests.support.wait import wait_until

RATE, WRITERS = 500, 20
# Seconds, short and long; without a rate always the short ones, since a relay then falls behind.
SECONDS = (4, 60)
CHANNEL = "watched_changes"
NOTIFY = f"""
CREATE OR REPLACE FUNCTION bench_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('{CHANNEL}', ''); RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER bench_notify AFTER INSERT ON caching_watch_watchedchange
FOR EACH STATEMENT EXECUTE FUNCTION bench_notify();
"""
NO_NOTIFY = "DROP TRIGGER IF EXISTS bench_notify ON caching_watch_watchedchange"


@dataclass
class Course:
    """`late`: milliseconds from a row's statement to its append; `looks`: how often the outbox was read."""

    late: list[float] = field(default_factory=list)
    looks: int = 0
    rows: int = 0
    bytes: int = 0
    written: dict[str, float] = field(default_factory=dict)


def compare(url: str, *, is_long: bool) -> None:
    from tests.benchmarks.rounds import console

    names = ("writes/s", "commit ms p50", "p99", "append ms p50", "p99", "looks", "outbox rows", "outbox MB")
    for rate, pace in ((RATE, f"{RATE}/s"), (0, "unpaced")):
        seconds = SECONDS[is_long and rate > 0]
        for wake in ("poll", "notify"):
            course = measure(url, wake, rate, seconds)
            written = course.written
            title = f"postgresql: {WRITERS} writers, {seconds} s, {pace}, {wake}"
            table = Table(title=title, title_justify="left", box=None)
            for name in names:
                table.add_column(name, justify="right")
            table.add_row(
                f"{written['rate']:,.0f}",
                f"{written['p50']:.2f}",
                f"{written['p99']:.2f}",
                f"{statistics.median(course.late):.1f}",
                f"{percentile(course.late, 0.99):.1f}",
                f"{course.looks:,}",
                f"{course.rows:,}",
                f"{course.bytes / 1e6:.1f}",
            )
            console.print(table)
            console.print()


def measure(url: str, wake: str, rate: int, seconds: int) -> Course:
    from content.caching.watch.models import WatchedChange
    from tests.benchmarks.watch.tables import outbox_size

    WatchedChange.objects.all().delete()
    course, stopping = Course(), threading.Event()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM FULL caching_watch_watchedchange")
        connection.execute(NOTIFY if wake == "notify" else NO_NOTIFY)
    thread = threading.Thread(target=follow, args=(course, url, wake, stopping))
    thread.start()
    command = [sys.executable, "-m", "tests.benchmarks.watch.writers", url, str(rate), str(seconds)]
    written = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    wait_until(lambda: not WatchedChange.objects.filter(epoch="").exists(), "all changes are relayed")
    stopping.set()
    thread.join()
    course.written = json.loads(written)
    course.rows, course.bytes = outbox_size()
    return course


def follow(course: Course, url: str, wake: str, stopping: threading.Event) -> None:
    """As the product's loop does, or woken by NOTIFY; with a note of how late each row is."""
    from django.db import connections

    from content.caching.watch import loop, relay
    from content.caching.watch.models import WatchedChange

    append_rows, appended_at = relay._relay, dict[int, float]()

    def append_and_remember(rows: Sequence[Any], using: str) -> int:
        done = append_rows(rows, using)
        now = time.time()
        appended_at.update((row.pk, now) for row in rows[:done])
        return done

    relay._relay = append_and_remember
    try:
        with psycopg.connect(url, autocommit=True) as listener:
            listener.execute(f"LISTEN {CHANNEL}")
            while not stopping.is_set():
                course.looks += 1
                if relay.relay_waiting(recheck=False):
                    continue
                if wake == "notify":
                    list(listener.notifies(timeout=0.25, stop_after=1))
                else:
                    stopping.wait(loop.POLL)
        written_at = WatchedChange.objects.values_list("pk", "created_at")
        course.late = [1000 * (appended_at[pk] - at.timestamp()) for pk, at in written_at if pk in appended_at]
    finally:
        relay._relay = append_rows
        connections.close_all()


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


# --- the writers, in a process of their own -----------------------------------------------------------


def write(url: str, rate: int, seconds: int) -> None:
    taken: list[float] = []
    end = time.perf_counter() + seconds
    threads = [threading.Thread(target=write_rows, args=(url, n, rate, end, taken)) for n in range(WRITERS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passed = time.perf_counter() - began
    latencies = {"p50": statistics.median(taken), "p99": percentile(taken, 0.99)}
    print(json.dumps({"rate": len(taken) / passed, **latencies}))


def write_rows(url: str, number: int, rate: int, end: float, taken: list[float]) -> None:
    """Rows of its own, at its share of the rate; without a rate as fast as it can."""
    with psycopg.connect(url, autocommit=True) as connection:
        due = time.perf_counter() + number / max(rate, 1)
        for turn in range(sys.maxsize):
            if rate:
                due += WRITERS / rate
                time.sleep(max(0.0, due - time.perf_counter()))
            began = time.perf_counter()
            if began > end:
                return
            row = 1 + number * 40 + turn % 40
            connection.execute("UPDATE bench_watched SET price = price + 1 WHERE id = %s", [row])
            taken.append(1000 * (time.perf_counter() - began))


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
