"""Phases of a fleet that differ in one thing, so that their differences are its cost."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from project.capacity.costs import Sizes
from project.capacity.quantities import Quantity
from project.fleet.control import read_state
from tests.benchmarks.capacity.sending import CONNECTIONS, Sender
from tests.benchmarks.contender import ROOT
from tests.benchmarks.cpu import children_of
from tests.benchmarks.fleet.readers import Page
from tests.benchmarks.fleet.usage import Meter, Usage
from tests.benchmarks.rounds import console
from tests.benchmarks.warm_site import LIST, STATE, wait_until_warm
from tests.support.fleet import RunningFleet
from tests.support.service import run_python

WEB = ("web1", "web2")
# For a busy machine.
WARM_SECONDS = 600.0
LOG = "{evergreen:log}"
# Addresses of other files than HTML.
OTHER = ("?", ".xml", ".txt", ".json", ".ico", "/media/", "/api/")
# Processes report counts every five seconds.
REPORTS = 6.0
# Where hits of pages in Redis are counted.
STATISTICS, FROM_REDIS = "{evergreen:stats}", "hit|page|shared"
# The control loop reads all headers every ten seconds: so many between two looks are a round.
ROUND, LOOK_EVERY, LONGEST_ROUND = 300, 0.25, 15.0
Rates = dict[Quantity, float]


@dataclass
class Phases:
    """`seconds`: of each phase. All phases so far are in `rates`, as usage a second."""

    fleet: RunningFleet
    meter: Meter
    seconds: float

    def measure(self, name: str, work: Callable[[], object] | None = None) -> Usage:
        usage = self.meter.during(work or self.wait)
        rates = rates_of(usage)
        words = ", ".join(f"{each.value} {rates[each]:.4g}" for each in Quantity)
        console.print(f"[dim]{name}, {usage.at:.0f} s: {words}[/dim]", highlight=False)
        return usage

    def measure_without_looks(self, name: str, work: Callable[[], object] | None = None) -> Usage:
        """Measure over whole rounds, and leave looks into the outbox out of the transactions.

        Workers that have work look less often, which would hide the transactions of the work.
        """
        looks = self.meter.looks()
        usage = self.measure_rounds(name, work)
        rest = usage.totals[Quantity.TRANSACTIONS] - (self.meter.looks() - looks)
        return Usage(usage.at, {**usage.totals, Quantity.TRANSACTIONS: rest})

    def measure_rounds(self, name: str, work: Callable[[], object] | None = None) -> Usage:
        """Measure over whole rounds of the control loop: one more or less would be a large part of the bytes."""
        self.wait_for_round()

        def work_on() -> None:
            (work or self.wait)()
            self.wait_for_round()

        return self.measure(name, work_on)

    def wait_for_round(self) -> None:
        """Until the control loop has just read the headers of the site."""
        deadline, before, is_reading = time.monotonic() + LONGEST_ROUND, self.headers_read(), False
        while time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)
            before, read = (now := self.headers_read()), now - before >= ROUND
            if is_reading and not read:
                return
            is_reading = read

    def headers_read(self) -> int:
        stats: dict[str, Any] = self.meter.clients["redis-cache"].info("commandstats")
        return int(stats.get("cmdstat_getrange", {}).get("calls", 0))

    def wait(self) -> None:
        time.sleep(self.seconds)

    def rest(self, name: str) -> Rates:
        return rates_of(self.measure_rounds(name))

    def counts(self) -> dict[str, float]:
        """Pages that workers have made, requests by outcome, and pages that were found in Redis alone."""
        found = self.meter.clients["redis-log"].hget(STATISTICS, FROM_REDIS)
        totals: dict[str, float] = {"made": 0.0, "from Redis": float(found or 0.0)}
        for number, name in enumerate(WEB):
            for family in text_string_to_metric_families(self.read_metrics(name)):
                for sample in family.samples:
                    if sample.name == "evergreen_requests_total":
                        outcome = sample.labels["cache"]
                        totals[outcome] = totals.get(outcome, 0.0) + sample.value
                    elif sample.name == "evergreen_warm_loads_total" and sample.labels["resource"] == "page":
                        # One count of all hosts.
                        totals["made"] += sample.value * (number == 0)
        return totals

    def read_metrics(self, name: str) -> str:
        fields = {"Host": self.host, "X-Forwarded-Proto": "https"}
        url = f"http://127.0.0.1:{self.fleet.port_of(name)}/metrics"
        return httpx.get(url, headers=fields, timeout=10).raise_for_status().text

    @property
    def host(self) -> str:
        return self.fleet.url.partition("://")[2]

    @property
    def environment(self) -> dict[str, str]:
        return self.fleet.environment | {"DJANGO_SETTINGS_MODULE": "project.settings", "PATH": os.environ["PATH"]}

    def connections(self, part: str, number: int) -> list[Page]:
        return [self.page(part) for _ in range(number)]

    def fill_memory(self, paths: Sequence[str], times: int = 4) -> None:
        """Each process of a web host gets some of the connections."""
        for name in WEB:
            for _ in range(times):
                Sender(self.connections(name, CONNECTIONS)).send(paths, 200, len(paths) / 200)

    def read_sizes(self) -> Sizes:
        """Memory of Redis by its own count, and of processes by their proportional set size (proc(5))."""
        cache, log = (client.info("memory") for client in self.meter.clients.values())
        metrics = self.read_samples(WEB[0])
        entries, keys = metrics["cache_entries"] or 1.0, self.meter.clients["redis-cache"].dbsize() or 1
        web = [pss(pid) for pid, command in self.fleet.descendants().items() if "worker_main" in command]
        pids = read_state(self.fleet.state)["pids"]
        return Sizes(
            web_process=sum(web) / len(web) - metrics["evergreen_memory_bytes"] / metrics["evergreen_processes"],
            worker=sum(tree_pss(pids[name]) for name in ("worker1", "worker2")) / 2,
            item_in_process=metrics["evergreen_memory_bytes"] / entries,
            item_in_cache=(cache["used_memory"] - cache["used_memory_startup"]) / keys,
            cache=cache["used_memory_startup"],
            log=log["used_memory"],
            record=self.record_bytes(),
        )

    def read_samples(self, name: str) -> dict[str, float]:
        """Metrics of the service by name, whatever their labels."""
        families = text_string_to_metric_families(self.read_metrics(name))
        return {sample.name: sample.value for family in families for sample in family.samples}

    def count_items(self) -> int:
        """Entries and pages of the site."""
        return int(json.loads(run_python(self.environment, "-c", STATE))["site"])

    def list_pages(self) -> list[str]:
        """HTML alone, when the site is warm."""
        paths: list[str] = json.loads(run_python(self.environment, "-c", LIST))
        self.wait_until_warm()
        return [path for path in paths if not any(part in path for part in OTHER)]

    def wait_until_warm(self) -> None:
        wait_until_warm(self.environment, WARM_SECONDS)

    def record_bytes(self) -> float:
        """The mean size of a record of the log in memory."""
        client = self.meter.clients["redis-log"]
        return float(client.memory_usage(LOG, samples=0) or 0) / max(1, client.xlen(LOG))

    def entries_added(self) -> int:
        return int(self.meter.clients["redis-log"].xinfo_stream(LOG)["entries-added"])

    def versions(self) -> tuple[str, str]:
        """Versions of Redis and PostgreSQL."""
        row = self.meter.database.execute("SHOW server_version").fetchone()
        assert row is not None
        return self.meter.clients["redis-log"].info("server")["redis_version"], row[0].split()[0]

    def count_connections(self) -> list[int]:
        """Clients of both Redis."""
        return [int(client.info("clients")["connected_clients"]) for client in self.meter.clients.values()]

    def page(self, part: str, kind: type[Page] = Page) -> Page:
        """A connection to a part."""
        port = self.fleet.port if part == "nginx" else self.fleet.port_of(part)
        return kind(port, self.host, self.fleet.context if part == "nginx" else None)

    @contextmanager
    def helper(self, module: str) -> Iterator["subprocess.Popen[str]"]:
        """A process with the settings of the site that takes lines. It is ready."""
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=self.environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=20)


def ask(process: "subprocess.Popen[str]", line: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return process.stdout.readline()


def rates_of(usage: Usage) -> Rates:
    return {quantity: total / usage.at for quantity, total in usage.totals.items()}


def more_than(usage: Usage, rest: Mapping[Quantity, float], count: float) -> Rates:
    """The use of each of `count` beyond the rest of that time. Noise is not negative."""
    return {each: max(0.0, total - rest[each] * usage.at) / count for each, total in usage.totals.items()}


def difference(more: Mapping[Quantity, float], less: Mapping[Quantity, float], count: float) -> Rates:
    return {each: max(0.0, more[each] - less[each]) / count for each in more}


def edit(process: "subprocess.Popen[str]", rate: float, seconds: float) -> int:
    """So many edits. An edit that is late is not skipped."""
    began, number = time.monotonic(), 0
    while number / rate < seconds:
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        answer = json.loads(ask(process, ""))
        assert "error" not in answer, answer["error"]
        number += 1
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    return number


def pss(pid: int) -> float:
    """Proportional set size in bytes: pages that processes share count in parts."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return 1024.0 * int(line.split()[1])
    return 0.0


def tree_pss(pid: int) -> float:
    return pss(pid) + sum(map(tree_pss, children_of(pid)))
