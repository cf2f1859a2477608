"""Callers in processes of their own, for tests of what holds across processes. Run as a module: see `run_callers`."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.service import ROOT, clean_environment

SETTINGS = "tests.support.callers_settings"


class Callers:
    """One process that holds its breath until `go`, then calls, and says how it went."""

    def __init__(self, redis_url: str, journal: Path, **options: Any) -> None:
        environment = clean_environment() | {
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "CALLERS_REDIS": redis_url,
            "CALLERS_JOURNAL": str(journal),
            "PYTHONPATH": str(ROOT),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.callers", json.dumps(options)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        line = self.process.stdout.readline()
        assert line == "ready\n", line

    def go(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def outcome(self) -> dict[str, Any]:
        out, _ = self.process.communicate(timeout=60)
        return json.loads(out)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def run_together(callers: Sequence[Callers]) -> list[dict[str, Any]]:
    for each in callers:
        each.wait_until_ready()
    for each in callers:
        each.go()
    return [each.outcome() for each in callers]


def loads_in(journal: Path) -> list[dict[str, Any]]:
    """Every load that any process began, in the order of their beginning."""
    if not journal.exists():
        return []
    return sorted(map(json.loads, journal.read_text().splitlines()), key=lambda load: load["began"])


def write_down(key: int) -> None:
    """One line, one write: lines of several processes never mix."""
    line = json.dumps({"key": key, "process": os.getpid(), "began": time.time()}) + "\n"
    descriptor = os.open(os.environ["CALLERS_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode())
    os.close(descriptor)


async def call(options: dict[str, Any]) -> dict[str, Any]:
    from datetime import timedelta

    from content.caching import Policy, Resource
    from content.caching.engines import engine_of

    async def load(key: int) -> str:
        write_down(key)
        await asyncio.sleep(options["load_seconds"])
        return f"value of {key}"

    thing = Resource("called", load=load, policy=Policy(ttl=timedelta(hours=1)))
    if "lease" in options:
        engine_of("default").lease = options["lease"]
    times: list[float] = []

    async def caller(key: int) -> None:
        began = time.perf_counter()
        assert await thing.get(key) == f"value of {key}"
        times.append(time.perf_counter() - began)

    await asyncio.to_thread(wait_for_go)
    keys = options["keys"]
    await asyncio.gather(*(caller(number % keys) for number in range(options["callers"])))
    return {"slowest": max(times), "answers": len(times)}


def wait_for_go() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


def main() -> None:
    import django

    django.setup()
    print(json.dumps(asyncio.run(call(json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
