import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.servers.process import binary, free_port, stop
from tests.support.wait import wait_until


@dataclass
class MemcachedServer:
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"memcached://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"version\r\n")
                return connection.recv(100).startswith(b"VERSION")
        except OSError:
            return False


@contextmanager
def running_memcached(*options: str) -> Iterator[MemcachedServer]:
    """It refuses to run as root, so as root it runs as nobody."""
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [binary("memcached"), "-p", str(port), "-l", "127.0.0.1", "-U", "0", *user, *options]
    server = MemcachedServer(port, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    try:
        wait_until(server.answers, "memcached answers")
        yield server
    finally:
        stop(server.process)
