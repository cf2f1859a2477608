"""A process that joins the log and reads some keys at once. Run as a module with a number of keys; see `Joiner`."""

import asyncio
import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any

from tests.support.service import ROOT, clean_environment


class Joiner:
    """One process that reads `keys` numbers when told to, each of them loaded from a number in Redis."""

    def __init__(self, redis_url: str, keys: int) -> None:
        environment = clean_environment() | {
            "DJANGO_SETTINGS_MODULE": "tests.support.race.settings",
            "RACE_REDIS": redis_url,
            "PYTHONPATH": str(ROOT),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.joiner", str(keys)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def outcome(self) -> dict[str, Any]:
        """`seconds` until the first key was read, `loads` by its loader, `floor` of its log, and `values` by key."""
        out, _ = self.process.communicate(timeout=120)
        return json.loads(out)


def main(keys: int) -> None:
    import django

    django.setup()
    from content.caching import Policy, Resource
    from content.caching.engines import engine_of

    loads = []

    async def load(number: int) -> int:
        loads.append(number)
        await asyncio.sleep(0.05)
        return os.getpid()

    tags = lambda number: (f"post:{number}:card", "kept")  # noqa: E731
    resource = Resource("joined", load=load, policy=Policy(ttl=timedelta(hours=1), jitter=0), tags=tags)
    print("ready", flush=True)
    sys.stdin.readline()

    async def read() -> dict[str, Any]:
        began = time.perf_counter()
        await resource.get(0)
        seconds = time.perf_counter() - began
        values = await resource.get_many(range(keys))
        index = engine_of("default").ordering.tag_index
        return {"seconds": seconds, "loads": loads, "values": values, "floor": index.floor, "heard": index.is_heard}

    print(json.dumps(asyncio.run(read())))


if __name__ == "__main__":
    main(int(sys.argv[1]))
