"""Requests as fast as a server answers them: one run of wrk, and what it said."""

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.cores import FOR_THE_LOAD, on_core
from tests.benchmarks.rounds import console

REPORT = Path(__file__).with_name("report.lua")


@dataclass(frozen=True)
class Load:
    """`p50` and `p99` in seconds; `busy`: the share of its core that the generator itself took; `failures`: sockets
    and requests that went wrong; `told`: what a script of its own has counted.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    busy: float
    failures: int
    told: Mapping[str, float]


def is_there() -> bool:
    """Whether wrk is; says so if not."""
    if shutil.which("wrk") is None:
        console.print("Nothing is measured over sockets: wrk is not installed.")
    return shutil.which("wrk") is not None


class FailedUnderLoad(Exception):
    """The server did not answer every request, or with an error: there is no rate to speak of."""


def wrk(
    url: str,
    connections: int,
    seconds: int,
    *,
    headers: Mapping[str, str] | None = None,
    script: Path = REPORT,
    arguments: Sequence[object] = (),
) -> Load:
    """One thread of it; raises FailedUnderLoad. `script` reports as report.lua does."""
    command = ["wrk", "--threads", 1, "--connections", connections, "--duration", f"{seconds}s", "--timeout", "10s"]
    for name, value in (headers or {}).items():
        command += ["--header", f"{name}: {value}"]
    return load_by([*command, "--script", script, url, "--", *arguments])


def heads(url: str, connections: int, seconds: int) -> Load:
    """HEAD requests, whose answers wrk and h2load cannot read: they wait for a body."""
    return load_by([sys.executable, "-m", "tests.benchmarks.heads", url, connections, seconds])


def load_by(command: list[object]) -> Load:
    """The last line of a generator, which is JSON with times in microseconds."""
    before = processor_seconds()
    ran = subprocess.run(on_core(FOR_THE_LOAD, command), check=True, capture_output=True, text=True)
    spent = processor_seconds() - before
    said = json.loads(ran.stdout.strip().rpartition("\n")[2])
    load = Load(
        requests=said.pop("requests"),
        seconds=said["microseconds"] / 1e6,
        p50=said.pop("p50") / 1e6,
        p99=said.pop("p99") / 1e6,
        busy=spent / (said.pop("microseconds") / 1e6),
        failures=said.pop("failures"),
        told=said,
    )
    if load.failures or not load.requests:
        raise FailedUnderLoad(f"{load.failures} failures, {load.requests} requests: {ran.stdout}")
    return load


def processor_seconds() -> float:
    """Processor time of all children that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
