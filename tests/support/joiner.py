"""A process that joins the log and reads some keys at once. Run as a module with a number of keys; see `Joiner`."""

import asyncio
import json
import os
import sys
import time
from datetime import timedelta
from typing import Any

from tests.support.child import Child, child_environment, wait_for_go
from tests.support.engine import tag_index_of


class Joiner(Child):
    """Reads `keys` numbers after `go`, each of them loaded from a number in Redis.

    Its outcome: `seconds` until the first key was read, `loads` by its loader, `floor` of its log, `values` by key.
    """

    def __init__(self, redis_url: str, keys: int) -> None:
        environment = child_environment("tests.support.race.settings", RACE_REDIS=redis_url)
        super().__init__("-m", "tests.support.joiner", str(keys), environment=environment)
        self.wait_until_ready()


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
    wait_for_go()

    async def read() -> dict[str, Any]:
        began = time.perf_counter()
        await resource.get(0)
        seconds = time.perf_counter() - began
        values = await resource.get_many(range(keys))
        index = tag_index_of(engine_of("default"))
        return {"seconds": seconds, "loads": loads, "values": values, "floor": index.floor, "heard": index.is_heard}

    print(json.dumps(asyncio.run(read())))


if __name__ == "__main__":
    main(int(sys.argv[1]))
