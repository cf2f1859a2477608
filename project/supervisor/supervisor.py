"""Set up the service, start its processes, keep them running, and stop them."""

import asyncio
import contextlib
import functools
import json
import os
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from project.own_redis import OwnRedis, answers_ping
from project.supervision import CannotStart, run_until_first
from project.supervisor.child import Child, Keeper, stop_all
from project.supervisor.stop_requests import StopRequests
from project.supervisor.terminal import Terminal

READY_SECONDS = 90.0
REDIS_SECONDS = 20.0
# Deaths in a row, each within ten seconds of the start.
WEB_ATTEMPTS = 3
UNREADABLE_AFTER = 3


@dataclass(frozen=True)
class Plan:
    """The service to start. Without a `redis_url` it gets its own Redis. `folder` holds manage.py."""

    folder: Path
    host: str
    port: int
    state_dir: Path
    redis_url: str
    import_path: Path | None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class Supervisor:
    """Runs the service until Ctrl-C, or until the web server or the database cannot be started.

    Any other process that dies is started again.
    """

    def __init__(self, plan: Plan, terminal: Terminal) -> None:
        self.plan = plan
        self.terminal = terminal
        self.own_redis = None if plan.redis_url else OwnRedis(plan.state_dir)
        self.children: dict[str, Child] = {}
        self.requests = StopRequests()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of each process."""
        url = self.own_redis.url if self.own_redis else self.plan.redis_url
        added = {"REDIS_URL": url, "PYTHONUNBUFFERED": "1", "EVERGREEN_UP": "1"}
        if not settings.WARM_ORIGINS:
            added["EVERGREEN_WARM_ORIGINS"] = self.plan.url
        # A variable and its file must not both be set.
        return {name: os.environ[name] for name in os.environ if name != "REDIS_URL_FILE"} | added

    async def run(self) -> int:
        """Returns the exit status: 0 after Ctrl-C, 1 if something failed."""
        self.requests.listen()
        try:
            await run_until_first(self.serve(), self.requests.stop_requested.wait())
            self.terminal.say("Ending ...")
            return 0
        except CannotStart as error:
            self.terminal.say(str(error), "bold red")
            return 1
        finally:
            await stop_all(list(self.children.values()), self.terminal.say, self.requests.kill_requested)
            if self.own_redis:
                self.own_redis.remove()
            self.terminal.say("Ended.")

    def say(self, text: str) -> None:
        if not self.requests.stop_requested.is_set():
            self.terminal.say(text, "bold yellow")

    # --- from nothing to ready ----------------------------------------------------------------------

    async def serve(self) -> None:
        """Runs until it is cancelled. Raises CannotStart."""
        if self.own_redis is None:
            await self.serve_site()
        else:
            redis = self.keep_redis(self.own_redis)
            await run_until_first(redis.keep_running(), self.serve_site(redis.started))

    async def serve_site(self, redis: asyncio.Event | None = None) -> None:
        """Waits REDIS_SECONDS at most for `redis`."""
        if redis is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(redis.wait(), REDIS_SECONDS)
        await self.set_up()
        await run_until_first(self.report_when_ready(), *(keeper.keep_running() for keeper in self.keepers()))

    async def set_up(self) -> None:
        """Tables, static files, an administrator and content."""
        await self.run_command(*manage("prepare"))
        if self.plan.import_path:
            # An import reports the files that it refuses, and fails. The site serves the others.
            await self.run_command(*manage("import_content", str(self.plan.import_path)), may_fail=True)
        else:
            await self.run_command(*manage("demo_content"))

    async def run_command(self, *command: str, may_fail: bool = False) -> None:
        child = await self.start("setup", list(command))
        status = await child.wait()
        if status and not may_fail:
            raise CannotStart(f"`{' '.join(command[1:])}` failed with exit status {status}; its lines are above.")

    async def start(self, name: str, command: list[str]) -> Child:
        """Replaces the process that had this name."""
        if name in self.children:
            await self.children[name].kill()
        child = self.children[name] = Child(name, command, self.terminal.print_line)
        await child.start(self.environment, self.plan.folder)
        return child

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

    def keep_redis(self, own: OwnRedis) -> Keeper:
        async def start() -> Child:
            child = await self.start("redis", own.command())
            if await self.wait_for_redis(child, own):
                own.publish_url()
            return child

        def before_restart(failures: int) -> None:
            if failures >= UNREADABLE_AFTER and (aside := own.set_data_aside()):
                self.say(f"Redis cannot start with its data, which is now in {aside}. It starts again without.")

        return Keeper("redis", start, self.say, before_restart=before_restart)

    async def wait_for_redis(self, child: Child, own: OwnRedis) -> bool:
        """Whether Redis answers. If not, it died, or the service starts without it."""
        deadline = asyncio.get_running_loop().time() + REDIS_SECONDS
        while not await answers_ping(str(own.socket)):
            if not child.is_alive:
                return False
            if asyncio.get_running_loop().time() > deadline:
                self.say(f"Redis has not answered for {REDIS_SECONDS:g} s. The site works without it, more slowly.")
                return False
            await asyncio.sleep(0.05)
        return True

    async def report_when_ready(self) -> None:
        """Print that the site is ready, or why it is not in time. Then wait for ever."""
        url = self.plan.url
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        reasons = ["it has not answered yet"]
        while reasons and asyncio.get_running_loop().time() < deadline:
            reasons = await asyncio.to_thread(why_not_ready, f"{url}/readyz")
            await asyncio.sleep(0.25 if reasons else 0)
        if reasons:
            self.terminal.say(f"Not ready after {READY_SECONDS:g} s: {'; '.join(reasons)}", "bold red")
        else:
            self.terminal.say(f"Evergreen is ready: {url}/  (administration: {url}/admin/, end with Ctrl-C)")
            self.terminal.say(f"Live dashboard for staff: {url}/ops/")
        await asyncio.Event().wait()


def manage(*words: str) -> list[str]:
    return [sys.executable, "manage.py", *words]


def why_not_ready(url: str) -> list[str]:
    """The reasons that /readyz gives; empty if the site is ready."""
    try:
        with urllib.request.urlopen(url, timeout=3):  # noqa: S310 - our own address
            return []
    except urllib.error.HTTPError as error:
        return parse_reasons(error.read())
    except OSError as error:
        return [f"the web server does not answer ({error})"]


def parse_reasons(body: bytes) -> list[str]:
    try:
        checks = json.loads(body)["checks"]
    except (ValueError, KeyError, TypeError):
        return ["/readyz gave no reasons"]
    return [f"{name}: {check['reason']}" for name, check in checks.items() if not check["ok"]]
