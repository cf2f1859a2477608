"""The two configurations of Redis, and that of Sentinel, started by Redis itself."""

import shutil
import subprocess
from contextlib import contextmanager

import pytest
import redis

from tests.support.servers.process import free_port, stop
from tests.support.servers.redis import redis_program
from tests.support.targets import DEPLOY
from tests.support.wait import wait_until


@contextmanager
def running(file, folder, *options):
    """Redis with a configuration of deploy/."""
    port, copy = free_port(), folder / "redis.conf"
    shutil.copy(file, copy)
    command = [redis_program(), str(copy), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    process = subprocess.Popen([*command, *options, "--logfile", str(folder / "log")])
    try:
        with redis.Redis(port=port) as client:
            wait_until(lambda: answers(client) or process.poll() is not None, "Redis answers")
            assert process.poll() is None, (folder / "log").read_text()
            yield client
    finally:
        stop(process)


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def fill(client: redis.Redis) -> int:
    """Store entries with a lifetime until Redis refuses, or a thousand. Returns how many it took."""
    for number in range(1000):
        try:
            client.set(f"entry {number}", bytes(10_000), ex=3600)
        except redis.exceptions.OutOfMemoryError:
            return number
    return 1000


def test_the_log_is_never_evicted(tmp_path):
    with running(DEPLOY / "redis/redis-log.conf", tmp_path, "--maxmemory", "8mb") as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        client.xadd("log", {"tag": "x"})
        assert fill(client) < 1000
        assert client.xlen("log") == 1
        assert client.info("stats")["evicted_keys"] == 0


def test_the_cache_evicts_entries_and_keeps_what_has_no_lifetime(tmp_path):
    with running(DEPLOY / "redis/redis-cache.conf", tmp_path, "--maxmemory", "8mb") as client:
        client.set("counter", 1)
        assert fill(client) == 1000
        assert client.info("stats")["evicted_keys"] > 0
        assert client.get("counter") == b"1"
        assert client.config_get("save") == {"save": ""}


@pytest.mark.parametrize("name", ["redis-cache.conf", "redis-log.conf"])
def test_memory_has_a_bound(tmp_path, name):
    with running(DEPLOY / "redis" / name, tmp_path) as client:
        assert int(client.config_get("maxmemory")["maxmemory"]) >= 512 * 1024 * 1024


def test_sentinel_starts(tmp_path):
    with running(DEPLOY / "redis/sentinel.conf", tmp_path, "--sentinel") as client:
        assert client.sentinel_masters()["evergreen"]["quorum"] == 2
