import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from project.own_redis import find_redis_server
from tests.support.servers.process import free_port, stop
from tests.support.wait import wait_until


@dataclass
class RedisServer:
    """A Redis of the tests' own."""

    port: int
    process: subprocess.Popen[bytes]
    password: str = ""

    @property
    def url(self) -> str:
        login = f":{self.password}@" if self.password else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


@contextmanager
def running_redis(*options: str, password: str = "", port: int | None = None) -> Iterator[RedisServer]:
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        command = [find_redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        command += ["--requirepass", password] if password else []
        log = Path(folder) / "log"
        process = subprocess.Popen([*command, *options, "--logfile", str(log)])
        server = RedisServer(port, process, password)
        try:
            wait_until(lambda: server.answers() or process.poll() is not None, "redis-server answers")
            assert process.poll() is None, log.read_text()
            yield server
        finally:
            stop(process)
