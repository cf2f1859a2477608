"""The parent of `manage.py serve` beside uvicorn's own: what readers notice of killed, blocked and stuck workers.

Run it with `python -m tests.benchmarks.supervisors [SCENARIO ...]`. It takes about six minutes.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from tests.support.readers import Reader
from tests.support.running_process import command_line, parents
from tests.support.servers.process import free_port
from tests.support.service import ROOT, environment_of, make_tables

READERS = 8
SECONDS = 10.0
# A rolling restart with the seven seconds after which a worker is killed, on a busy machine.
RESTART_SECONDS = 20.0
# A request without an answer for so long counts as unanswered.
UNANSWERED = 5.0

SITE = """
import os, time
from django.utils.decorators import async_only_middleware

if "HANGS_AT_END" in os.environ:
    import asyncio
    import content.popularity
    content.popularity.flush_views = asyncio.Event().wait

@async_only_middleware
def blocking(get_response):
    async def middleware(request):
        if request.path == "/admin/login/":
            time.sleep(3600)
        return await get_response(request)
    return middleware
"""
SETTINGS = "from project.settings import *\nMIDDLEWARE = ['measured_site.blocking', *MIDDLEWARE]\n"


class TimedReader(Reader):
    """Reads until the end. `waits` has the seconds of each request, those that fail included."""

    def __init__(self, port: int, *, keeps_alive: bool) -> None:
        super().__init__(port, "/")
        self.keeps_alive = keeps_alive
        self.waits: list[float] = []
        self.began = 0.0

    async def read_for_ever(self) -> None:
        while True:
            self.began = time.monotonic()
            try:
                await self.read()
            except (OSError, EOFError, AssertionError) as error:
                self.failures.append(type(error).__name__)
                self.hang_up()
                await asyncio.sleep(0.05)
            self.waits.append(time.monotonic() - self.began)
            if not self.keeps_alive:
                self.hang_up()
            await asyncio.sleep(0.005)


class Server:
    def __init__(self, supervisor: str, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.port = folder, free_port()
        (folder / "state").mkdir()
        make_tables(folder / "state")
        (folder / "measured_site.py").write_text(SITE)
        self.write_settings()
        ours = [sys.executable, "manage.py", "serve"]
        uvicorn = [sys.executable, "-m", "uvicorn", "project.asgi:application", "--loop", "uvloop", "--no-access-log"]
        uvicorn += ["--http", "content.caching.edge.protocol:EdgeProtocol", "--timeout-graceful-shutdown", "5"]
        # Their default of 5 seconds is too short for a start on a busy machine.
        uvicorn += ["--timeout-worker-healthcheck", "30"]
        self.process = subprocess.Popen(
            [*(ours if supervisor == "serve" else uvicorn), "--port", str(self.port), "--workers", "2"],
            env=environment_of(folder / "state")
            | {"CACHE_URL": "locmem://measured", "SECRET_KEY": "for tests only", "PYTHONDONTWRITEBYTECODE": "1"}
            | {"DJANGO_SETTINGS_MODULE": "measured_settings", "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
            | environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def write_settings(self, line: str = "") -> None:
        (self.folder / "measured_settings.py").write_text(f"{SETTINGS}{line}\n")

    def workers(self) -> list[int]:
        found = [pid for pid, parent in parents() if parent == self.process.pid]
        return [pid for pid in found if any(word in command_line(pid) for word in ("worker_main", "spawn_main"))]

    async def wait_until_ready(self) -> None:
        """Returns three seconds after the first answers: then both workers serve."""
        while True:
            with suppress(OSError, EOFError, AssertionError):
                await asyncio.gather(*(Reader(self.port, "/").read() for _ in range(READERS)))
                await asyncio.sleep(3)
                return
            await asyncio.sleep(0.2)

    def kill_listening_workers(self) -> None:
        """All workers but one that hangs: it has closed the socket."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        sockets = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and row[1].endswith(f":{self.port:04X}")}
        for pid in self.workers():
            with suppress(OSError):
                if sockets & {os.readlink(descriptor) for descriptor in Path(f"/proc/{pid}/fd").iterdir()}:
                    os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


async def kill(server: Server) -> None:
    os.kill(server.workers()[0], signal.SIGKILL)
    await asyncio.sleep(SECONDS)


async def reload(server: Server) -> None:
    server.process.send_signal(signal.SIGHUP)
    await asyncio.sleep(SECONDS)


async def block(server: Server, seconds: float = SECONDS) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /admin/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await asyncio.sleep(seconds)
    # The connection must stay open until here.
    writer.transport.abort()


async def block_then_reload(server: Server) -> None:
    await block(server, 1.0)
    server.process.send_signal(signal.SIGHUP)
    await asyncio.sleep(RESTART_SECONDS)


async def hang_then_kill(server: Server) -> None:
    server.process.send_signal(signal.SIGHUP)
    await asyncio.sleep(RESTART_SECONDS)
    server.kill_listening_workers()
    await asyncio.sleep(RESTART_SECONDS)


async def break_then_kill(server: Server) -> None:
    server.write_settings("raise RuntimeError('a broken version')")
    await kill(server)


async def kill_parent(server: Server) -> None:
    server.process.kill()
    await asyncio.sleep(SECONDS)


SCENARIOS: dict[str, Callable[[Server], Awaitable[None]]] = {
    "killed": kill,
    "reloaded": reload,
    "blocked": block,
    "blocked, then reloaded": block_then_reload,
    "hangs at its end, reloaded, then killed": hang_then_kill,
    "killed, and a broken version on disk": break_then_kill,
    "without parent": kill_parent,
}


async def measure(name: str, supervisor: str) -> str:
    environment = {"HANGS_AT_END": "1"} if name.startswith("hangs") else {}
    with tempfile.TemporaryDirectory() as folder:
        server = Server(supervisor, Path(folder), environment)
        try:
            await server.wait_until_ready()
            readers = [TimedReader(server.port, keeps_alive=number % 2 == 0) for number in range(READERS)]
            tasks = [asyncio.create_task(reader.read_for_ever()) for reader in readers]
            await asyncio.sleep(1)
            await SCENARIOS[name](server)
            waiting = [time.monotonic() - reader.began for reader in readers]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            errors = sum(len(reader.failures) for reader in readers)
            unanswered = sum(seconds > UNANSWERED for seconds in waiting)
            longest = max(max(reader.waits, default=0.0) for reader in readers)
            end = await asyncio.to_thread(stop, server)
            return f"{errors} errors, {unanswered} unanswered, longest wait {longest:.1f} s; {end}"
        finally:
            server.end()


def stop(server: Server) -> str:
    if server.process.poll() is not None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return "the port is " + ("taken" if probe.connect_ex(("127.0.0.1", server.port)) == 0 else "free")
    began = time.monotonic()
    server.process.terminate()
    try:
        server.process.wait(15)
    except subprocess.TimeoutExpired:
        return "SIGTERM does not end it in 15 s"
    return f"SIGTERM ends it in {time.monotonic() - began:.1f} s"


def main(names: list[str]) -> None:
    for name in names or SCENARIOS:
        for supervisor in ("serve", "uvicorn"):
            print(f"{name:40} {supervisor:8} {asyncio.run(measure(name, supervisor))}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
