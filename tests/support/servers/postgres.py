import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

from tests.support.servers.process import binary, free_port, stop
from tests.support.wait import wait_until

MOST_CONNECTIONS = ["-c", "max_connections=300"]
# A crash of the server alone loses nothing that was committed.
FAST = ["-c", "fsync=off", "-c", "full_page_writes=off"]


@dataclass
class PostgresServer:
    """A PostgreSQL of the tests' own. initdb refuses root, so as root it runs as nobody."""

    programs: Path
    folder: str
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.url_by(self.port)

    def url_by(self, port: int) -> str:
        """The URL for a proxy on another port."""
        return f"postgres://evergreen@127.0.0.1:{port}/postgres"

    @property
    def options(self) -> dict[str, Any]:
        user = "nobody" if os.geteuid() == 0 else None
        return {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "user": user, "cwd": self.folder}

    def create(self) -> None:
        command = [str(self.programs / "initdb"), "-D", f"{self.folder}/data", "-U", "evergreen", "-A", "trust"]
        subprocess.run([*command, "-E", "UTF8"], check=True, **self.options)

    def start(self) -> None:
        place = ["-D", f"{self.folder}/data", "-p", str(self.port), "-k", self.folder]
        command = [
            str(self.programs / "postgres"),
            *place,
            "-c",
            "listen_addresses=127.0.0.1",
            *MOST_CONNECTIONS,
            *FAST,
        ]
        self.process = subprocess.Popen(command, **self.options)
        wait_until(self.answers, "PostgreSQL answers")

    def answers(self) -> bool:
        ready = [str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ready, check=False).returncode == 0

    def crash(self) -> None:
        """Stop without a checkpoint and without a message to clients."""
        assert self.process is not None
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(10)

    def signal_all(self, which: int) -> None:
        """The server and each process that serves a connection."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in [self.process.pid, *map(int, children)]:
            os.kill(pid, which)


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    initdb = binary("initdb", *sorted(glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True))
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        os.chmod(folder, 0o777)
        server = PostgresServer(Path(os.path.realpath(initdb)).parent, folder, free_port())
        server.create()
        server.start()
        try:
            yield server
        finally:
            if server.process is not None:
                stop(server.process)
