"""How much is fresh in Redis, again and again, as a process finds it that takes no part: by the stored headers.

`python -m tests.benchmarks.purge.looks`, with the settings of the site, prints a line of JSON for each look.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import django

from tests.support.service import ROOT

HOT, SITE = "hot set", "site"
HOTTEST = 1000
# Seconds between two looks: a look at the site reads all its headers, at the hot set a thousand.
EVERY = {HOT: 0.5, SITE: 2.0}
# Below all that is measured.
NICENESS = 10


class Look(NamedTuple):
    """A count of the `entries` of a set that are fresh. `at`: Unix seconds."""

    at: float
    name: str
    fresh: int
    entries: int

    @property
    def share(self) -> float:
        return self.fresh / self.entries if self.entries else 1.0


@contextmanager
def looking(environment: Mapping[str, str]) -> Iterator[list[Look]]:
    """Look until the end of the block. The list is filled then."""
    command = [sys.executable, "-m", "tests.benchmarks.purge.looks"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    looks = list[Look]()
    try:
        assert process.stdout is not None
        looks.append(read_look(process.stdout.readline()))
        yield looks
    finally:
        process.terminate()
        rest, _ = process.communicate()
        # The last line may be cut short.
        looks += map(read_look, rest.splitlines()[:-1])


def read_look(line: str) -> Look:
    return Look(*json.loads(line))


def seconds_to(share: float, looks: Iterable[Look]) -> float | None:
    """Up to the first look from which on that share was fresh, 0 if it always was. None if it is not at the end."""
    ordered = list(looks)
    last = max((number for number, look in enumerate(ordered) if look.share < share), default=-1)
    if last < 0:
        return 0.0
    return ordered[last + 1].at if last + 1 < len(ordered) else None


# --- in the process that looks ---------------------------------------------------------------------


async def look_on() -> None:
    from content.caching.engines import engine_of
    from content.caching.headers import wait_until_heard

    engine = engine_of("default")
    await wait_until_heard(engine.tiers)
    keys, due = await list_keys(), dict.fromkeys(EVERY, 0.0)
    while True:
        for name, every in EVERY.items():
            if time.monotonic() >= due[name]:
                due[name] = time.monotonic() + every
                await look(engine, name, keys[name])
        await asyncio.sleep(max(0.0, min(due.values()) - time.monotonic()))


async def list_keys() -> dict[str, Sequence[str]]:
    """What is hot, and what there is, at the beginning."""
    from content.warming import catalogue
    from content.warming.hot_set import read_hot_set, read_hottest
    from content.warming.targets import plan_pages

    hot = list(await read_hot_set(read_hottest, HOTTEST))
    site = [str(each) async for chunk in catalogue() for each in [*chunk.entries, *await plan_pages(chunk.paths)]]
    return {HOT: hot, SITE: site}


async def look(engine: Any, name: str, keys: Sequence[str]) -> None:
    """Nothing is printed while nothing can be said."""
    from content.caching.headers import read_headers
    from content.warming.coverage import is_fresh

    stored, now = await read_headers(engine.tiers, keys), engine.clock()
    if stored is not None:
        fresh = sum(is_fresh(stored.get(key), now) for key in keys)
        print(json.dumps(Look(time.time(), name, fresh, len(keys))), flush=True)


if __name__ == "__main__":
    os.nice(NICENESS)
    django.setup()
    asyncio.run(look_on())
