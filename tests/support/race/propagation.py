"""From an invalidation in one process to the moment another no longer serves what it ends."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.child import Child
from tests.support.race.course import Course, start_child
from tests.support.race.history import now

FOLLOWER = """
import django; django.setup()
import json, sys, time
from content.caching.engines import engine_of
tag_index, seen = engine_of("default").ordering.tag_index, {}
apply = tag_index.apply
def remember(records):
    apply(records)
    at = time.monotonic()
    for record in records:
        seen[record.nonce] = at
tag_index.apply = remember
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(seen), flush=True)
"""

LEADER = """
import django; django.setup()
import json, sys, time
from content.caching import invalidate_sync
from content.caching.engines import engine_of
engine_of("default")
print("ready", flush=True)
sys.stdin.readline()
sent = {}
for number in range(int(sys.argv[1])):
    began = time.monotonic()
    invalidate_sync([f"row:{number % 100}"], nonce=f"sent-{number}")
    sent[f"sent-{number}"] = began
    time.sleep(0.0005)
print(json.dumps(sent), flush=True)
"""


@dataclass(frozen=True)
class Propagation:
    """Seconds."""

    count: int
    median: float
    p99: float
    longest: float


@contextmanager
def run_program(program: str, course: Course, *arguments: str) -> Iterator[Child]:
    with start_child(course, "-c", program, *arguments) as child:
        child.wait_until_ready()
        yield child


def ask(child: Child) -> Any:
    child.go()
    return json.loads(child.read_line())


def measure_propagation(redis_url: str, count: int) -> Propagation:
    course = Course(redis_url, "sqlite://:memory:")
    with run_program(FOLLOWER, course) as follower, run_program(LEADER, course, str(count)) as leader:
        sent = ask(leader)
        end = now() + 0.5
        while now() < end:
            pass
        seen = ask(follower)
    taken = sorted(seen[nonce] - began for nonce, began in sent.items())
    assert len(taken) == count
    return Propagation(count, taken[count // 2], taken[int(count * 0.99)], taken[-1])
