"""Everything in one terminal: set up, start, watch, end."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from project.supervisor.child import Child
from project.supervisor.console import Terminal
from project.supervisor.errors import CannotStart
from project.supervisor.redis_server import RedisPlace

READY_SECONDS = 90.0
END_SECONDS = 8.0


@dataclass(frozen=True)
class Plan:
    """What to start. `redis_url` is empty where a Redis of our own is wanted; `folder` holds manage.py."""

    folder: Path
    host: str
    port: int
    state_dir: Path
    redis_url: str
    import_path: Path | None

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"


class Supervisor:
    """Runs the service until Ctrl-C or until one of its processes ends."""

    def __init__(self, plan: Plan, terminal: Terminal) -> None:
        self.plan = plan
        self.terminal = terminal
        self.own_redis = None if plan.redis_url else RedisPlace(plan.state_dir)
        self.children: list[Child] = []
        self.stopping = asyncio.Event()
        self.end_seconds = END_SECONDS

    @property
    def environment(self) -> dict[str, str]:
        url = self.own_redis.url if self.own_redis else self.plan.redis_url
        ours = {"REDIS_URL": url, "PYTHONUNBUFFERED": "1", "EVERGREEN_UP": "1"}
        if not settings.WARM_ORIGINS:
            ours["EVERGREEN_WARM_ORIGINS"] = self.plan.address
        return os.environ | ours

    async def run(self) -> int:
        """The exit status: 0 after Ctrl-C, 1 when something failed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.ask_to_stop)
        try:
            return await self.until_stopped(self.serve())
        except CannotStart as error:
            self.terminal.say(str(error), "bold red")
            return 1
        finally:
            await self.end()

    def ask_to_stop(self) -> None:
        """The second time it hastens."""
        if self.stopping.is_set():
            self.end_seconds = 0.1
        self.stopping.set()

    async def until_stopped(self, work: Coroutine[None, None, int]) -> int:
        task = asyncio.create_task(work)
        stop = asyncio.create_task(self.stopping.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if task.done():
            return task.result()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self.terminal.say("Ending ...")
        return 0

    # --- from nothing to ready ----------------------------------------------------------------------

    async def serve(self) -> int:
        if self.own_redis:
            await self.start("redis", self.own_redis.command())
            await self.wait_for_redis(self.own_redis)
            self.own_redis.announce()
        await self.set_up()
        celery = [sys.executable, "-m", "celery", "-A", "workers", "--quiet"]
        await self.start("worker", [*celery, "worker", "--concurrency", "2", "--loglevel", "WARNING"])
        await self.start("beat", [*celery, "beat", "--loglevel", "WARNING"])
        address = ["--host", self.plan.host, "--port", str(self.plan.port)]
        await self.start("web", [*manage("serve"), *address])
        died = asyncio.create_task(self.first_to_die())
        ready = asyncio.create_task(self.wait_until_ready())
        await asyncio.wait({died, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            ready.result()
        return await died

    async def set_up(self) -> None:
        """Tables, static files, somebody who can sign in, and something to read."""
        await self.step(*manage("prepare"))
        if self.plan.import_path:
            await self.step(*manage("import_content", str(self.plan.import_path)), may_fail=True)
        else:
            await self.step(*manage("demo_content"))

    async def step(self, *command: str, may_fail: bool = False) -> None:
        """One command, to its end. Files that an import refused are reported, and end nothing."""
        child = Child("setup", command, self.terminal.line)
        self.children.append(child)
        await child.start(self.environment, self.plan.folder)
        status = await child.wait()
        self.children.remove(child)
        if status and not may_fail:
            raise CannotStart(f"`{' '.join(command[1:])}` failed with exit status {status}; its lines are above.")

    async def start(self, name: str, command: list[str]) -> None:
        child = Child(name, command, self.terminal.line)
        self.children.append(child)
        await child.start(self.environment, self.plan.folder)

    async def wait_for_redis(self, place: RedisPlace) -> None:
        [child] = self.children
        deadline = asyncio.get_running_loop().time() + 30
        while not await answers(str(place.socket)):
            if child.process is None or child.process.returncode is not None:
                await child.wait()
                raise CannotStart(self.epitaph(child))
            if asyncio.get_running_loop().time() > deadline:
                raise CannotStart("Redis has not answered for 30 s; its lines are above.")
            await asyncio.sleep(0.05)

    async def wait_until_ready(self) -> None:
        """Say so when the site is; say why when it is not in time, and go on."""
        url = self.plan.address
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        reasons = ["it has not answered yet"]
        while asyncio.get_running_loop().time() < deadline:
            reasons = await asyncio.to_thread(why_not_ready, f"{url}/readyz")
            if not reasons:
                self.terminal.say(f"Evergreen is ready: {url}/  (administration: {url}/admin/, end with Ctrl-C)")
                return
            await asyncio.sleep(0.25)
        self.terminal.say(f"Not ready after {READY_SECONDS:g} s: {'; '.join(reasons)}", "bold red")

    # --- from there to the end ----------------------------------------------------------------------

    async def first_to_die(self) -> int:
        waits = {asyncio.create_task(child.wait()): child for child in self.children}
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        raise CannotStart(self.epitaph(waits[done.pop()]))

    def epitaph(self, child: Child) -> str:
        status = child.process.returncode if child.process else None
        how = (
            f"was killed by {signal.Signals(-status).name}"
            if status and status < 0
            else f"ended with status {status}"
        )
        lines = "\n".join(f"  {line}" for line in child.last_lines) or "  (none)"
        return f"{child.name} {how}, so all is ended. Its last lines:\n{lines}"

    async def end(self) -> None:
        """What asks before what answers, and Redis last."""
        for child in reversed(self.children):
            ending = asyncio.create_task(child.end(self.end_seconds))
            while not ending.done():
                hastened = self.end_seconds < END_SECONDS
                await asyncio.wait({ending}, timeout=0.1)
                if not hastened and self.end_seconds < END_SECONDS and not ending.done():
                    ending.cancel()
                    await child.end(self.end_seconds)
        if self.own_redis:
            self.own_redis.remove()
        self.terminal.say("Ended.")


def manage(*words: str) -> list[str]:
    return [sys.executable, "manage.py", *words]


async def answers(path: str) -> bool:
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.write(b"PING\r\n")
    answer = await reader.readline()
    writer.close()
    return answer.startswith(b"+PONG")


def why_not_ready(url: str) -> list[str]:
    """Empty when ready."""
    try:
        with urllib.request.urlopen(url, timeout=3):  # noqa: S310 - our own address
            return []
    except urllib.error.HTTPError as error:
        return reasons_of(error.read())
    except OSError as error:
        return [f"the web server does not answer ({error})"]


def reasons_of(content: bytes) -> list[str]:
    try:
        checks = json.loads(content)["checks"]
    except (ValueError, KeyError, TypeError):
        return ["/readyz gave no reasons"]
    return [f"{name}: {check['reason']}" for name, check in checks.items() if not check["ok"]]
