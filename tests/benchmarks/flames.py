"""`make flames`: where the time of a hit, a batch and a miss goes, as flame graphs, sampled from outside (py-spy)."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import uvloop

from tests.support.servers.redis import running_redis

JOBS = ("memory", "hit", "batch", "miss")
SECONDS = 8
SPY = (str(Path(sys.executable).with_name("py-spy")), "record", "--rate", "500")


def main(wanted: list[str]) -> None:
    folder = Path(".state/flames")
    folder.mkdir(parents=True, exist_ok=True)
    with running_redis() as server:
        for job in wanted or JOBS:
            picture = folder / f"{job}.svg"
            command = [
                str(Path(sys.executable).with_name("py-spy")),
                "record",
                "--rate",
                "500",
                "--output",
                str(picture),
            ]
            subprocess.run(
                [*command, "--", sys.executable, "-m", "tests.benchmarks.flames", job, server.url], check=True
            )
            print(picture)


def burn(job: str, url: str) -> None:
    from tests.benchmarks.servers import configure

    configure(url, url)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(burning(job))


async def burning(job: str) -> None:
    from content.caching import Resource
    from content.caching.engines import engine_of
    from tests.benchmarks.cost import unseen
    from tests.benchmarks.resource import HOUR, KEYS, at_once, in_turn, load, load_many

    post = Resource("post", load=load, load_many=load_many, policy=HOUR)
    await post.get_many(range(KEYS))
    if job != "memory":
        engine_of("default").memory = None

    async def batch() -> None:
        await post.get_many(range(KEYS))

    jobs = {"memory": in_turn(post.get), "hit": at_once(post.get), "batch": batch, "miss": at_once(unseen(post.get))}
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        await jobs[job]()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        burn(*sys.argv[1:])
    else:
        main(sys.argv[1:])
