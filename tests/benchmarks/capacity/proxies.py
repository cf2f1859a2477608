"""The Varnish of a fleet: what it has counted, and how to empty it."""

import json
import subprocess
from pathlib import Path

from project.fleet.control import read_state
from tests.support.fleet import RunningFleet


def varnish_count(fleet: RunningFleet, name: str) -> int:
    """A counter of varnishstat since the start."""
    counter = f"MAIN.{name}"
    found = json.loads(run(fleet, "varnishstat", "-j", "-f", counter))
    return int(found["counters"][counter]["value"])


def empty_varnish(fleet: RunningFleet) -> None:
    run(fleet, "varnishadm", "ban", "req.url", "~", ".")


def run(fleet: RunningFleet, program: str, *words: str) -> str:
    folder = Path(read_state(fleet.state)["control"]).parent / "varnish"
    command = [program, "-n", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
