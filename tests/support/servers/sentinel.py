import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from project.own_redis import find_redis_server
from tests.support.servers.process import free_port, stop
from tests.support.servers.redis import RedisServer, running_redis
from tests.support.wait import wait_until

SERVICE = "evergreen"
SENTINELS = 3


@dataclass
class Watched:
    """A master and a replica, watched by sentinels."""

    master: RedisServer
    replica: RedisServer
    sentinels: list[int]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    def master_port(self) -> int:
        """The port of the master, by all sentinels; 0 while they differ."""
        ports = [self.master_of(port) for port in self.sentinels]
        return ports[0] if len(set(ports)) == 1 else 0

    def master_of(self, port: int) -> int:
        with redis.Redis(port=port) as sentinel:
            return int(sentinel.sentinel_get_master_addr_by_name(SERVICE)[1])

    def is_in_sync(self) -> bool:
        """Whether the sentinels know each other and the replica, and the replica follows."""
        with self.replica.client() as client:
            if client.info("replication").get("master_link_status") != "up":
                return False
        for port in self.sentinels:
            with redis.Redis(port=port) as sentinel:
                state = sentinel.sentinel_master(SERVICE)
            if state["num-other-sentinels"] != SENTINELS - 1 or state["num-slaves"] != 1:
                return False
        return True

    def fail_over(self) -> None:
        with redis.Redis(port=self.sentinels[0]) as sentinel:
            sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)


@contextmanager
def running_sentinels(down_after: int = 1000) -> Iterator[Watched]:
    """`down_after`: milliseconds of silence after which a master counts as down."""
    with ExitStack() as stack:
        master = stack.enter_context(running_redis())
        replica = stack.enter_context(running_redis("--replicaof", "127.0.0.1", str(master.port)))
        ports = [stack.enter_context(sentinel(master.port, down_after)) for _ in range(SENTINELS)]
        watched = Watched(master, replica, ports)
        wait_until(watched.is_in_sync, "the sentinels know each other")
        yield watched


@contextmanager
def sentinel(master_port: int, down_after: int) -> Iterator[int]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="sentinel-") as folder:
        config = Path(folder) / "sentinel.conf"
        config.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {master_port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {down_after}\n"
            f"sentinel failover-timeout {SERVICE} 5000\n"
        )
        process = subprocess.Popen([find_redis_server(), str(config), "--sentinel"], stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: answers(port), "a sentinel answers")
            yield port
        finally:
            stop(process)


def answers(port: int) -> bool:
    try:
        with redis.Redis(port=port) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False
