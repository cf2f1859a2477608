import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
import trustme

from tests.support.servers.process import free_port, stop
from tests.support.servers.redis import RedisServer, redis_program, running_redis, tls_options
from tests.support.wait import wait_until

SERVICE = "evergreen"
SENTINELS = 3
# Milliseconds between two messages of a sentinel: to a server for its state, to another sentinel, to all. A failover
# takes several of each. The defaults are a second or more.
PERIODS = {"info-period": 200, "ping-period": 200, "ask-period": 200, "publish-period": 200}


# Of the servers and of the sentinels, where there are any; with characters that URLs escape.
PASSWORD, SENTINEL_PASSWORD = "of-the servers/:", "of-the sentinels?&"


@dataclass
class Watched:
    """A master and a replica, watched by sentinels. `certificates`: the folder with those of all, which speak TLS."""

    master: RedisServer
    replica: RedisServer
    sentinels: list[int]
    certificates: Path | None = None

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        if self.certificates is None:
            return f"redis+sentinel://{hosts}/{SERVICE}/0"
        secret, authority = quote(SENTINEL_PASSWORD, safe=""), self.certificates / "authority.pem"
        options = f"sentinel_password={secret}&ssl_ca_certs={authority}"
        return f"rediss+sentinel://:{quote(PASSWORD, safe='')}@{hosts}/{SERVICE}/0?{options}"

    def sentinel(self, port: int) -> redis.Redis:
        return sentinel_client(port, self.certificates)

    def master_port(self) -> int:
        """The port of the master, by all sentinels; 0 while they differ."""
        ports = [self.master_of(port) for port in self.sentinels]
        return ports[0] if len(set(ports)) == 1 else 0

    def master_of(self, port: int) -> int:
        with self.sentinel(port) as sentinel:
            return int(sentinel.sentinel_get_master_addr_by_name(SERVICE)[1])

    def is_in_sync(self) -> bool:
        """Whether the sentinels know each other and the replica, and the replica follows."""
        with self.replica.client() as client:
            if client.info("replication").get("master_link_status") != "up":
                return False
        for port in self.sentinels:
            with self.sentinel(port) as sentinel:
                state = sentinel.sentinel_master(SERVICE)
            if state["num-other-sentinels"] != SENTINELS - 1 or state["num-slaves"] != 1:
                return False
        return True

    def fail_over(self) -> None:
        with self.sentinel(self.sentinels[0]) as sentinel:
            sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)


@contextmanager
def running_sentinels(down_after: int = 1000, *, is_secure: bool = False) -> Iterator[Watched]:
    """`down_after`: milliseconds of silence after which a master counts as down.

    `is_secure`: servers and sentinels speak TLS alone, and have passwords that differ.
    """
    with ExitStack() as stack:
        certificates, login = None, dict[str, Any]()
        options = list[str]()
        if is_secure:
            certificates = write_certificates(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tls-"))))
            login, options = {"password": PASSWORD, "certificates": certificates}, ["--masterauth", PASSWORD]
        master = stack.enter_context(running_redis(*options, **login))
        follow = ["--replicaof", "127.0.0.1", str(master.port)]
        replica = stack.enter_context(running_redis(*options, *follow, **login))
        ports = [stack.enter_context(sentinel(master.port, down_after, certificates)) for _ in range(SENTINELS)]
        watched = Watched(master, replica, ports, certificates)
        wait_until(watched.is_in_sync, "the sentinels know each other", pause=0.05)
        yield watched


def write_certificates(folder: Path) -> Path:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    (folder / "server.pem").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    return folder


@contextmanager
def sentinel(master_port: int, down_after: int, certificates: Path | None) -> Iterator[int]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="sentinel-") as folder:
        config = Path(folder) / "sentinel.conf"
        words = tls_options(port, certificates) if certificates else ["--port", str(port)]
        lines = [f"{name.removeprefix('--')} {value}" for name, value in zip(words[::2], words[1::2], strict=True)]
        if certificates:
            lines += [f'requirepass "{SENTINEL_PASSWORD}"', f'sentinel sentinel-pass "{SENTINEL_PASSWORD}"']
        lines += [
            f"bind 127.0.0.1\ndir {folder}",
            f"sentinel monitor {SERVICE} 127.0.0.1 {master_port} 2",
            *([f'sentinel auth-pass {SERVICE} "{PASSWORD}"'] if certificates else []),
            f"sentinel down-after-milliseconds {SERVICE} {down_after}",
            f"sentinel failover-timeout {SERVICE} 5000",
        ]
        config.write_text("\n".join(lines) + "\n")
        process = subprocess.Popen([redis_program(), str(config), "--sentinel"], stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: answers(port, certificates) or process.poll() is not None, "a sentinel answers")
            assert process.poll() is None, "the sentinel has ended"
            with sentinel_client(port, certificates) as client:
                client.execute_command("SENTINEL", "DEBUG", *chain.from_iterable(PERIODS.items()))
            yield port
        finally:
            stop(process)


def sentinel_client(port: int, certificates: Path | None) -> redis.Redis:
    if certificates is None:
        return redis.Redis(port=port)
    authority = str(certificates / "authority.pem")
    return redis.Redis("127.0.0.1", port, password=SENTINEL_PASSWORD, ssl=True, ssl_ca_certs=authority)


def answers(port: int, certificates: Path | None) -> bool:
    try:
        with sentinel_client(port, certificates) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False
