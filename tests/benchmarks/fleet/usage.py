"""Use of the parts of a fleet: processor time, commands and bytes of Redis, transactions of PostgreSQL."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis

from project.capacity.quantities import Quantity
from project.fleet.control import read_state
from tests.benchmarks.cpu import USER
from tests.support.fleet import RunningFleet
from tests.support.running_process import parents

# Which processes count as which part.
PARTS = {
    Quantity.WEB_CPU: ("web1", "web2"),
    Quantity.WORKER_CPU: ("worker1", "worker2", "beat"),
    Quantity.CACHE_CPU: ("redis-cache",),
    Quantity.LOG_CPU: ("redis-log",),
    Quantity.POSTGRES_CPU: ("postgres",),
    Quantity.VARNISH_CPU: ("varnish",),
    Quantity.NGINX_CPU: ("nginx",),
}
REDIS = {
    "redis-cache": (Quantity.CACHE_COMMANDS, Quantity.CACHE_BYTES),
    "redis-log": (Quantity.LOG_COMMANDS, Quantity.LOG_BYTES),
}
# Each look scans it once, and finds nothing.
LOOKS = (
    "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'caching_watch_watchedchange'"
)
COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


@dataclass(frozen=True)
class Usage:
    """`at`: seconds of a steady clock. `totals`: seconds of CPU, and counts, since the parts began."""

    at: float
    totals: Mapping[Quantity, float]

    def since(self, before: "Usage") -> "Usage":
        """`at` is then the seconds between them."""
        return Usage(self.at - before.at, {each: total - before.totals[each] for each, total in self.totals.items()})


class Meter:
    """Reads the usage of a fleet. Its own commands and transactions are counted too: some ten for a reading."""

    def __init__(self, fleet: RunningFleet, database: "psycopg.Connection[Any]") -> None:
        self.fleet = fleet
        self.database = database
        self.clients = {name: redis.Redis(port=fleet.port_of(name)) for name in REDIS}

    def read(self) -> Usage:
        # A part that is stopped has no process, and uses nothing.
        pids = read_state(self.fleet.state)["pids"]
        totals = {
            each: tree_seconds(*(pids[name] for name in names if name in pids)) for each, names in PARTS.items()
        }
        for name, (commands, size) in REDIS.items():
            stats: dict[str, Any] = self.clients[name].info("stats")
            totals[commands] = stats["total_commands_processed"]
            totals[size] = stats["total_net_input_bytes"] + stats["total_net_output_bytes"]
        row = self.database.execute(COMMITS).fetchone()
        assert row is not None
        totals[Quantity.TRANSACTIONS] = row[0]
        return Usage(time.monotonic(), totals)

    def looks(self) -> int:
        """Looks into the outbox so far: each is a transaction, and busy workers look less often."""
        row = self.database.execute(LOOKS).fetchone()
        assert row is not None
        return int(row[0])

    def during(self, work: Callable[[], object]) -> Usage:
        before = self.read()
        work()
        return self.read().since(before)


def tree_seconds(*pids: int) -> float:
    """User and system time of processes and of those below them, with those that have ended: PostgreSQL forks."""
    # A kernel may leave out children in /proc/PID/task/*/children while others end.
    table, seconds, wave = list(parents()), 0.0, set(pids)
    while wave:
        seconds += sum(map(own_seconds, wave))
        wave = {pid for pid, parent in table if parent in wave}
    return seconds


def own_seconds(pid: int) -> float:
    """With those that it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[USER : USER + 4])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def open_meter(fleet: RunningFleet) -> Iterator[Meter]:
    url = Path(fleet.environment["DATABASE_URL_FILE"]).read_text()
    with psycopg.connect(url, autocommit=True) as database:
        meter = Meter(fleet, database)
        try:
            yield meter
        finally:
            for client in meter.clients.values():
                client.close()
