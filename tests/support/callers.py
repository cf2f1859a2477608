"""Callers in processes of their own, for promises that hold across processes. Run as a module: see `Callers`."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.child import Child, child_environment, wait_for_go

SETTINGS = "tests.support.callers_settings"


class Callers(Child):
    """One process that waits for `go`, calls, and reports how long its callers waited."""

    def __init__(self, redis_url: str, journal: Path, **options: Any) -> None:
        environment = child_environment(SETTINGS, CALLERS_REDIS=redis_url, CALLERS_JOURNAL=str(journal))
        super().__init__("-m", "tests.support.callers", json.dumps(options), environment=environment)


def run_together(callers: Sequence[Callers]) -> list[dict[str, Any]]:
    for each in callers:
        each.wait_until_ready()
    for each in callers:
        each.go()
    return [each.outcome() for each in callers]


def loads_in(journal: Path) -> list[dict[str, Any]]:
    """The loads of all processes, by the time when they began."""
    if not journal.exists():
        return []
    return sorted(map(json.loads, journal.read_text().splitlines()), key=lambda load: load["began"])


def record_load(key: int) -> None:
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
        record_load(key)
        await asyncio.sleep(options["load_seconds"])
        return f"value of {key}"

    thing = Resource("called", load=load, policy=Policy(ttl=timedelta(hours=1)))
    if "lease" in options:
        engine_of("default").loader.lease = options["lease"]
    times: list[float] = []

    async def caller(key: int) -> None:
        began = time.perf_counter()
        assert await thing.get(key) == f"value of {key}"
        times.append(time.perf_counter() - began)

    await asyncio.to_thread(wait_for_go)
    keys = options["keys"]
    await asyncio.gather(*(caller(number % keys) for number in range(options["callers"])))
    return {"slowest": max(times), "answers": len(times)}


def main() -> None:
    import django

    django.setup()
    print(json.dumps(asyncio.run(call(json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
