"""The server: a uvicorn with EdgeProtocol and two worker processes. Its log goes to a file."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from tests.support.abuse.connection import connect
from tests.support.servers.process import free_port, stop
from tests.support.service import ROOT, clean_environment
from tests.support.wait import wait_until

PROCESSES = 2
# States in the kernel's table of connections: closed (TIME_WAIT), and listening.
OVER = {"06", "0A"}


@dataclass
class Server:
    port: int
    log: Path
    process: subprocess.Popen[bytes]
    workers: set[int] = field(default_factory=set)

    def answers(self) -> bool:
        """Each of its processes."""
        try:
            self.workers.add(asyncio.run(worker_that_answers(self.port)))
        except OSError:
            return False
        return len(self.workers) == PROCESSES

    def connections(self) -> list[str]:
        """Those at its port that are not over, by the kernel's name of their state."""
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        rows = [line.split() for line in lines]
        return [row[3] for row in rows if row[1].endswith(f":{self.port:04X}") and row[3] not in OVER]


async def worker_that_answers(port: int) -> int:
    async with connect(port) as connection:
        connection.write(b"GET /process HTTP/1.1\r\nHost: site\r\n\r\n")
        return int((await connection.read_response()).body)


@contextmanager
def serving(redis_url: str, folder: Path) -> Iterator[Server]:
    port, log = free_port(), folder / "server.log"
    environment = clean_environment() | {
        "DJANGO_SETTINGS_MODULE": "tests.support.race.settings",
        "PYTHONPATH": str(ROOT),
        "RACE_REDIS": redis_url,
    }
    with log.open("wb") as output:
        command = [sys.executable, "-m", "tests.support.abuse.server", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    server = Server(port, log, process)
    try:
        wait_until(server.answers, "both processes answer")
        yield server
    finally:
        stop(process)


def main(port: str) -> None:
    """Malformed requests are warnings to uvicorn, so the log begins at errors."""
    uvicorn.run(
        "tests.support.abuse.app:app",
        port=int(port),
        workers=PROCESSES,
        http="content.caching.edge.protocol:EdgeProtocol",
        loop="uvloop",
        lifespan="on",
        access_log=False,
        log_level="error",
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
