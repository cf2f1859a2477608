"""A log with a million distinct tags behind it: Redis is never blocked, and processes join it at once (rule 22)."""

import json
import subprocess
import sys
import threading
import time

import pytest
import redis

from content.caching.backends.server import Server
from content.caching.ordering.log import InvalidationLog
from content.caching.ordering.stream import TAGS_A_RECORD
from content.caching.ordering.tag_index import Kind
from tests.support.race.course import Course
from tests.support.servers.redis import running_redis

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROCESSES = 6
JOIN = """
import asyncio, json, sys, time
import django; django.setup()
from datetime import timedelta
from content.caching import Policy, Resource
from content.caching.engines import engine_of
loads = []
async def load(number: int) -> int:
    loads.append(number)
    await asyncio.sleep(0.05)
    return number
thing = Resource("thing", load=load, policy=Policy(ttl=timedelta(hours=1)), tags=lambda number: (f"thing:{number}",))
async def read(number):
    began = time.monotonic()
    await thing.get(number)
    return time.monotonic() - began
async def main():
    return [await asyncio.gather(*(read(number) for number in range(10)))]
if sys.argv[1] == "store":
    asyncio.run(main())
else:
    print("ready", flush=True); sys.stdin.readline()
    began = time.monotonic(); engine_of("default"); joined = time.monotonic() - began
    slowest = max(asyncio.run(main())[0])
    index = engine_of("default").ordering.tag_index
    print(json.dumps({"loads": loads, "slowest": slowest, "joined": joined, "floor": index.floor}), flush=True)
"""


def python(course: Course, what: str) -> subprocess.Popen:
    command = [sys.executable, "-c", JOIN, what]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, cwd=course.code, env=course.environment, text=True, **pipes)


class Probe:
    """What Redis itself says took longer than 5 ms."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        client.config_set("slowlog-log-slower-than", 5000)
        client.config_set("slowlog-max-len", 1000)
        client.slowlog_reset()

    def slow(self) -> list[tuple[float, bytes]]:
        return [(entry["duration"] / 1e6, entry["command"][:60]) for entry in self.client.slowlog_get(1000)]


def append_a_million(url: str) -> None:
    log = InvalidationLog(Server(url, timeout=5.0, connect_timeout=5.0), "race")
    log.follow()
    for first in range(0, 1_000_000, TAGS_A_RECORD):
        log.stream.append(Kind.INVALIDATE, [f"row:{number}" for number in range(first, first + TAGS_A_RECORD)], "")
    # All of them leave the log.
    for number in range(20_000):
        log.stream.append(Kind.INVALIDATE, [f"last:{number % 100}"], "")
    log.stop()


def test_rule_22_a_million_tags_block_nobody_and_end_nothing(tmp_path):
    with running_redis() as server, server.client() as client:
        course = Course(server.url, f"sqlite:///{tmp_path / 'joining.sqlite3'}", seconds=1)
        process = python(course, "store")
        assert process.wait(60) == 0
        probe = Probe(client)
        append_a_million(server.url)
        processes = [python(course, "read") for _ in range(PROCESSES)]
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        time.sleep(1)
        threads = [
            threading.Thread(target=lambda each=each: each.stdin.write("go\n") or each.stdin.flush())
            for each in processes
        ]
        for thread in threads:
            thread.start()
        found = [json.loads(process.stdout.readline()) for process in processes]
        for process in processes:
            process.communicate()
        print(found, probe.slow())
        assert [each["loads"] for each in found] == [[]] * PROCESSES, "what was stored before is still valid"
        assert probe.slow() == []
