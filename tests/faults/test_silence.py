"""A process that hears nothing of the log serves nothing as fresh, however busy it is (I1, rule 8)."""

import asyncio
import json
import os
import signal
import time
from datetime import timedelta

import pytest

from content.caching.ordering.tag_index import SILENCE
from tests.support.child import Child, child_environment, wait_for_go
from tests.support.servers.redis import running_redis

PROCESSES = 6
# Seconds of reading, with Redis stopped in the middle.
SECONDS = 4.0


@pytest.mark.slow
def test_i1_six_busy_processes_serve_nothing_as_fresh_a_second_after_redis_stops():
    with running_redis() as redis:
        environment = child_environment("tests.support.race.settings", RACE_REDIS=redis.url)
        readers = [Child("-m", "tests.faults.test_silence", environment=environment) for _ in range(PROCESSES)]
        for reader in readers:
            reader.wait_until_ready()
        for reader in readers:
            reader.go()
        time.sleep(SECONDS / 4)
        redis.process.send_signal(signal.SIGSTOP)
        stopped_at = time.monotonic()
        try:
            reports = [reader.outcome() for reader in readers]
        finally:
            redis.process.send_signal(signal.SIGCONT)
    after = [report["last_fresh"] - stopped_at for report in reports]
    print(
        "seconds from the stop of Redis to the last fresh hit", sorted(after), "reads", [r["reads"] for r in reports]
    )
    assert all(report["reads"] > 1000 and report["stale"] for report in reports)
    # The log was last asked before Redis stopped.
    assert max(after) <= SILENCE


def _read() -> None:
    """Read one key without a pause, and report when it was last served as fresh."""
    import django

    django.setup()
    from content.caching import Policy, Resource
    from content.caching.dependencies import track_dependencies

    async def load() -> int:
        return os.getpid()

    policy = Policy(ttl=timedelta(hours=1), stale_ttl=timedelta(hours=1), jitter=0)
    resource = Resource("heard", load=load, policy=policy)

    async def read() -> dict[str, float]:
        await resource.get()
        wait_for_go()
        end = time.monotonic() + SECONDS
        report = {"reads": 0, "stale": 0, "last_fresh": 0.0}
        while (asked_at := time.monotonic()) < end:
            with track_dependencies() as dependencies:
                await resource.get()
            report["reads"] += 1
            if dependencies.stale:
                report["stale"] += 1
            else:
                report["last_fresh"] = asked_at
        return report

    print(json.dumps(asyncio.run(read())), flush=True)
    os._exit(0)


if __name__ == "__main__":
    _read()
