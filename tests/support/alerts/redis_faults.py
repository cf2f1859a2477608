"""Faults of Redis: dead, refusing, full, or written to by another program."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.support.alerts.plant import Plant, repeating


@contextmanager
def redis_killed(plant: Plant) -> Iterator[None]:
    plant.redis.process.kill()
    plant.redis.process.wait()
    yield
    plant.restart_redis()


@contextmanager
def log_forbidden(plant: Plant) -> Iterator[None]:
    """Redis answers, and nobody may read the log."""
    with plant.redis.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-xrange")
        yield
        client.execute_command("ACL", "SETUSER", "default", "+@all")


@contextmanager
def reads_forbidden(plant: Plant) -> Iterator[None]:
    """Redis answers, and refuses what the cache needs."""
    with plant.redis.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-get", "-mget")
        # Words that are not in memory.
        with repeating(lambda: httpx.get(f"{plant.url}/search/?q={os.urandom(4).hex()}", timeout=20), 0.05):
            yield
        client.execute_command("ACL", "SETUSER", "default", "+@all")


@contextmanager
def memory_full(plant: Plant) -> Iterator[None]:
    with plant.redis.client() as client:

        def shrink() -> None:
            client.config_set("maxmemory", round(int(client.info("memory")["used_memory"]) * 1.04))

        shrink()
        with repeating(shrink, 0.3):
            yield
        client.config_set("maxmemory", 0)


@contextmanager
def memory_too_small(plant: Plant) -> Iterator[None]:
    """Redis evicts what expires; the log does not."""
    with plant.redis.client() as client:

        def fill() -> None:
            for number in range(200):
                client.set(f"filler:{os.urandom(6).hex()}:{number}", b"x" * 2000, ex=600)

        client.config_set("maxmemory-policy", "volatile-random")
        client.config_set("maxmemory", int(client.info("memory")["used_memory"]) + 3_000_000)
        with repeating(fill, 0.2):
            yield
        client.config_set("maxmemory", 0)
        for key in client.scan_iter("filler:*", count=1000):
            client.delete(key)


@contextmanager
def sums_forbidden(plant: Plant) -> Iterator[None]:
    """Redis answers, and nobody may read the sums of all processes."""
    with plant.redis.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-hgetall")
        yield
        client.execute_command("ACL", "SETUSER", "default", "+@all")
