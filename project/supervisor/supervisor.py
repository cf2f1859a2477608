"""Everything in one terminal: set up, start, watch, end."""

import asyncio
import contextlib
import functools
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

from project.serving.first import first_of
from project.supervisor.child import Child
from project.supervisor.console import Terminal
from project.supervisor.ending import end_all
from project.supervisor.errors import CannotStart
from project.supervisor.keeper import Keeper
from project.supervisor.redis_server import RedisPlace

READY_SECONDS = 90.0
REDIS_SECONDS = 20.0
# Deaths in a row, each within ten seconds of the start.
WEB_ATTEMPTS = 3
UNREADABLE_AFTER = 3


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
    """Runs the service until Ctrl-C, or until the web server or the database cannot be started.

    Every other process that dies is started again.
    """

    def __init__(self, plan: Plan, terminal: Terminal) -> None:
        self.plan = plan
        self.terminal = terminal
        self.own_redis = None if plan.redis_url else RedisPlace(plan.state_dir)
        self.children: dict[str, Child] = {}
        self.stopping = asyncio.Event()
        self.hurry = asyncio.Event()

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
            await end_all(list(self.children.values()), self.terminal.say, self.hurry)
            if self.own_redis:
                self.own_redis.remove()
            self.terminal.say("Ended.")

    def ask_to_stop(self) -> None:
        """The second time it hastens."""
        if self.stopping.is_set():
            self.hurry.set()
        self.stopping.set()

    async def until_stopped(self, work: Coroutine[None, None, None]) -> int:
        task = asyncio.create_task(work)
        stop = asyncio.create_task(self.stopping.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if task.done():
            task.result()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self.terminal.say("Ending ...")
        return 0

    # --- from nothing to ready ----------------------------------------------------------------------

    async def serve(self) -> None:
        """Runs until it is cancelled. Raises CannotStart."""
        if self.own_redis is None:
            await self.serve_site()
        else:
            redis = self.redis_keeper(self.own_redis)
            await first_of(redis.keep(), self.serve_site(redis.started))

    async def serve_site(self, redis: asyncio.Event | None = None) -> None:
        """After `redis`, if it comes in time."""
        if redis is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(redis.wait(), REDIS_SECONDS)
        await self.set_up()
        await first_of(self.report_when_ready(), *(keeper.keep() for keeper in self.keepers()))

    def redis_keeper(self, place: RedisPlace) -> Keeper:
        async def start() -> Child:
            child = await self.start("redis", place.command())
            if await self.answers_in_time(child, place):
                place.announce()
            return child

        def before_attempt(row: int) -> None:
            if row >= UNREADABLE_AFTER and (kept := place.set_data_aside()):
                self.say(f"Redis cannot start with its data, which is now in {kept}. It starts again without.")

        return Keeper("redis", start, self.say, before_attempt=before_attempt)

    def keepers(self) -> list[Keeper]:
        celery = [sys.executable, "-m", "celery", "-A", "workers", "--quiet"]
        web = [*manage("serve"), "--host", self.plan.host, "--port", str(self.plan.port)]
        commands = {
            "worker": [*celery, "worker", "--concurrency", "2", "--loglevel", "WARNING"],
            "beat": [*celery, "beat", "--loglevel", "WARNING"],
            "web": web,
        }
        return [
            Keeper(
                name,
                functools.partial(self.start, name, command),
                self.say,
                attempts=WEB_ATTEMPTS if name == "web" else None,
            )
            for name, command in commands.items()
        ]

    def say(self, text: str) -> None:
        if not self.stopping.is_set():
            self.terminal.say(text, "bold yellow")

    async def set_up(self) -> None:
        """Tables, static files, somebody who can sign in, and something to read."""
        await self.step(*manage("prepare"))
        if self.plan.import_path:
            await self.step(*manage("import_content", str(self.plan.import_path)), may_fail=True)
        else:
            await self.step(*manage("demo_content"))

    async def step(self, *command: str, may_fail: bool = False) -> None:
        """One command, to its end. Files that an import refused are reported, and end nothing."""
        child = await self.start("setup", list(command))
        status = await child.wait()
        if status and not may_fail:
            raise CannotStart(f"`{' '.join(command[1:])}` failed with exit status {status}; its lines are above.")

    async def start(self, name: str, command: list[str]) -> Child:
        """In the place of the one that had this name."""
        if name in self.children:
            await self.children[name].kill()
        child = self.children[name] = Child(name, command, self.terminal.line)
        await child.start(self.environment, self.plan.folder)
        return child

    async def answers_in_time(self, child: Child, place: RedisPlace) -> bool:
        """Whether Redis answers. If it does not, it has died, or the service begins without it."""
        deadline = asyncio.get_running_loop().time() + REDIS_SECONDS
        while not await answers(str(place.socket)):
            if not child.lives:
                return False
            if asyncio.get_running_loop().time() > deadline:
                self.say(f"Redis has not answered for {REDIS_SECONDS:g} s. The site works without it, more slowly.")
                return False
            await asyncio.sleep(0.05)
        return True

    async def report_when_ready(self) -> None:
        """Say when the site is ready, or why it is not in time. Then wait for ever."""
        url = self.plan.address
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        reasons = ["it has not answered yet"]
        while reasons and asyncio.get_running_loop().time() < deadline:
            reasons = await asyncio.to_thread(why_not_ready, f"{url}/readyz")
            await asyncio.sleep(0.25 if reasons else 0)
        if reasons:
            self.terminal.say(f"Not ready after {READY_SECONDS:g} s: {'; '.join(reasons)}", "bold red")
        else:
            self.terminal.say(f"Evergreen is ready: {url}/  (administration: {url}/admin/, end with Ctrl-C)")
        await asyncio.Event().wait()


def manage(*words: str) -> list[str]:
    return [sys.executable, "manage.py", *words]


async def answers(path: str) -> bool:
    """Whether Redis answers at that socket within a second."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(b"PING\r\n")
                return (await reader.readline()).startswith(b"+PONG")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        # It does not listen yet, or dies with the connection.
        return False


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
