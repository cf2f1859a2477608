import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis

from project.own_redis import find_redis_server
from tests.support.servers.process import free_port, stop
from tests.support.wait import wait_until


def redis_program() -> str:
    """EVERGREEN_TEST_REDIS runs all tests on another server, such as valkey-server."""
    return os.environ.get("EVERGREEN_TEST_REDIS") or find_redis_server()


@dataclass
class RedisServer:
    """A Redis of the tests' own. `authority`: the file of the one that has signed its certificate; it speaks TLS."""

    port: int
    process: subprocess.Popen[bytes]
    password: str = ""
    authority: Path | None = None

    @property
    def url(self) -> str:
        login = f":{quote(self.password, safe='')}@" if self.password else ""
        tls = f"?ssl_cert_reqs=required&ssl_ca_certs={self.authority}" if self.authority else ""
        return f"{'rediss' if tls else 'redis'}://{login}127.0.0.1:{self.port}/0{tls}"

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


@contextmanager
def running_redis(
    *options: str, password: str = "", port: int | None = None, certificates: Path | None = None
) -> Iterator[RedisServer]:
    """`certificates`: a folder of `write_certificates`; the server speaks TLS alone then."""
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        command = [redis_program(), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        command += tls_options(port, certificates) if certificates else ["--port", str(port)]
        command += ["--requirepass", password] if password else []
        log = Path(folder) / "log"
        process = subprocess.Popen([*command, *options, "--logfile", str(log)])
        server = RedisServer(port, process, password, certificates and certificates / "authority.pem")
        try:
            wait_until(lambda: server.answers() or process.poll() is not None, "redis-server answers")
            assert process.poll() is None, log.read_text()
            yield server
        finally:
            stop(process)


def tls_options(port: int, certificates: Path) -> list[str]:
    """On the command line. In a file the lines have no dashes."""
    values = {
        "port": "0",
        "tls-port": str(port),
        "tls-cert-file": str(certificates / "server.pem"),
        "tls-key-file": str(certificates / "server.key"),
        "tls-ca-cert-file": str(certificates / "authority.pem"),
        "tls-auth-clients": "no",
        "tls-replication": "yes",
    }
    return [word for name, value in values.items() for word in (f"--{name}", value)]
