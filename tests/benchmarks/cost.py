"""The cost of each feature for a read: the same job with it and without it, in turns."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from itertools import count
from typing import Any
from unittest.mock import patch

from content.caching import Policy, Resource
from content.caching.dependencies import track_dependencies
from content.caching.engines import engine_of
from content.caching.metrics.events import subscribe
from content.caching.stores.memory import MemoryTier
from tests.benchmarks.resource import HOUR, KEYS, at_once, in_turn, load
from tests.benchmarks.rounds import Job, measure, show

EAGER = Policy(ttl=timedelta(hours=1), early=1, ahead=0.1)
numbers = count(KEYS)
COUNTERS = ("engine.record", "engine.measure", "engine.measure_lookups", "loads.record", "loads.measure")


async def run(url: str) -> None:
    post = Resource("post", load=load, policy=HOUR)
    eager = Resource("eager", load=load, policy=EAGER)
    engine = engine_of("default")
    for resource in (post, eager):
        await resource.get_many(range(KEYS))
    memory = {
        "as it is": in_turn(post.get),
        "with a subscriber to its events": under(lambda: subscribe(ignore), in_turn(post.get)),
        "while tags are collected": under(track_dependencies, in_turn(post.get)),
        "with early and ahead refresh": in_turn(eager.get),
    }
    show("A read from memory", await measure(memory), "as it is")

    shared = {
        "as it is": at_once(post.get),
        "without events": under(without_events, at_once(post.get)),
        "while tags are collected": under(track_dependencies, at_once(post.get)),
        "with early and ahead refresh": at_once(eager.get),
        "kept in memory as well": under(lambda: with_small_memory(engine), at_once(post.get)),
    }
    tier, engine.memory = engine.memory, None
    show("A read from Redis, 32 callers, memory switched off", await measure(shared), "as it is")

    loaded = {
        "as it is": at_once(unseen(post.get)),
        "without events": under(without_events, at_once(unseen(post.get))),
        "while tags are collected": under(track_dependencies, at_once(unseen(post.get))),
    }
    show("A miss, 32 callers: lease, load and store", await measure(loaded), "as it is")
    engine.memory = tier


def unseen(get: Callable[[int], Any]) -> Callable[[int], Any]:
    """Ask for a new key each time."""
    return lambda _: get(next(numbers))


def under(context: Callable[[], AbstractContextManager[Any]], job: Job) -> Job:
    async def run_in_context() -> int:
        with context():
            return await job()

    return run_in_context


def ignore(event: Any) -> None:
    """As cheap as a subscriber can be."""


@contextmanager
def without_events() -> Iterator[None]:
    with ExitStack() as stack:
        for name in COUNTERS:
            stack.enter_context(patch(f"content.caching.{name}", lambda *args, **kwargs: None))
        yield


@contextmanager
def with_small_memory(engine: Any) -> Iterator[None]:
    """In a memory that holds a tenth of it: most reads come from Redis and push another out."""
    engine.memory = MemoryTier(70_000)
    try:
        yield
    finally:
        engine.memory = None
