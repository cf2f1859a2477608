"""A generator of HEAD requests: one thread, a given number of connections, one request on each at a time."""

import json
import select
import socket
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

END = b"\r\n\r\n"
OKAY = b"HTTP/1.1 200"
LONGEST = 65536


@dataclass
class Heads:
    """`asked`: when the request was sent that a connection waits for, by its file descriptor."""

    request: bytes
    poll: select.epoll = field(default_factory=select.epoll)
    connections: dict[int, socket.socket] = field(default_factory=dict)
    asked: dict[int, float] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)
    failures: int = 0

    def connect(self, address: tuple[str, int]) -> None:
        connection = socket.create_connection(address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections[connection.fileno()] = connection
        self.poll.register(connection, select.EPOLLIN)
        self.ask(connection.fileno())

    def ask(self, descriptor: int) -> None:
        self.asked[descriptor] = time.perf_counter()
        self.connections[descriptor].send(self.request)

    def run(self, seconds: float) -> float:
        """How long it took."""
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            for descriptor, _ in self.poll.poll(0.1):
                self.receive(descriptor)
        return time.perf_counter() - began

    def receive(self, descriptor: int) -> None:
        """Fields of a HEAD fit into one segment: what is not whole counts as a failure."""
        said = self.connections[descriptor].recv(LONGEST)
        if said.startswith(OKAY) and said.endswith(END):
            self.took.append(time.perf_counter() - self.asked[descriptor])
            self.ask(descriptor)
        else:
            self.failures += 1
            self.poll.unregister(descriptor)


def main(url: str, connections: str, seconds: str) -> None:
    parts = urlsplit(url)
    heads = Heads(f"HEAD {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    for _ in range(int(connections)):
        heads.connect((parts.hostname or "", parts.port or 80))
    elapsed = heads.run(float(seconds))
    took = sorted(heads.took) or [0.0]
    said = {
        "requests": len(heads.took),
        "microseconds": elapsed * 1e6,
        "failures": heads.failures,
        "p50": took[len(took) // 2] * 1e6,
        "p99": took[len(took) * 99 // 100] * 1e6,
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
