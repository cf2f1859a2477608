"""Starts the parts of a fleet in order, keeps them running, obeys orders, and stops all in reverse order."""

import asyncio
import contextlib
import functools
import json
import shutil
import signal
import socket
import ssl
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from project.fleet import control, parts, postgres, release
from project.fleet.layout import LOOPBACK, PORTS, ROOT, Layout
from project.fleet.mail import serve_mail
from project.fleet.parts import Part
from project.fleet.render import render_all
from project.fleet.roll_out import roll_out, upgrade
from project.supervision import CannotStart, run_until_first
from project.supervisor.child import Child, Keeper, stop_together
from project.supervisor.stop_requests import StopRequests
from project.supervisor.terminal import Terminal

READY_SECONDS = 180.0
# A server that listens answers within this time, or counts as failed.
LISTEN_SECONDS = 60.0
PAUSE = 0.05
# Deaths in a row of a part that was never up.
ATTEMPTS = 3


class Fleet:
    """Runs until Ctrl-C, or until a part cannot be started. A part that dies is started again."""

    def __init__(self, layout: Layout, programs: Mapping[str, str], terminal: Terminal) -> None:
        self.layout = layout
        self.programs = programs
        self.terminal = terminal
        self.parts: dict[str, Part] = {}
        self.children: dict[str, Child] = {}
        self.keeping: dict[str, asyncio.Task[None]] = {}
        self.failed: asyncio.Queue[CannotStart] = asyncio.Queue()
        self.requests = StopRequests()
        self.ordering = asyncio.Lock()

    async def run(self, posts: int) -> int:
        """Returns the exit status: 0 after Ctrl-C, 1 if something failed. `posts`: of a new site; 0: the demo."""
        self.requests.listen()
        try:
            await run_until_first(self.serve(posts), self.raise_failure(), self.requests.stop_requested.wait())
            self.terminal.say("Ending ...")
            return 0
        except CannotStart as error:
            self.terminal.say(str(error), "bold red")
            return 1
        finally:
            await self.stop_everything()
            self.terminal.say("Ended.")

    async def raise_failure(self) -> None:
        raise await self.failed.get()

    def say(self, text: str) -> None:
        if not self.requests.stop_requested.is_set():
            self.terminal.say(text, "bold yellow")

    # --- from nothing to ready ------------------------------------------------------------------------

    async def serve(self, posts: int) -> None:
        """Runs until it is cancelled. Raises CannotStart."""
        layout = self.layout
        await asyncio.to_thread(render_all, layout, self.programs["openssl"])
        is_new = not layout.current.exists()
        if is_new:
            folder = await asyncio.to_thread(release.unpack, ROOT, release.next_folder(layout))
            release.point_current(layout, folder)
        await self.start_stores()
        if is_new:
            await self.fill(posts)
        listeners = {name: parts.open_socket(layout.port_of(name)) for name in ("web1", "web2")}
        mail = await serve_mail(layout.port_of("mail"), self.terminal.print_line)
        async with mail, contextlib.AsyncExitStack() as stack:
            for listener in listeners.values():
                stack.enter_context(listener)
            await self.start_parts([*parts.sites(layout, listeners), *parts.entries(layout, self.programs)])
            if is_new:
                await self.manage(layout.current, "backup", str(layout.backups))
            await self.wait_until_ready()
            await self.obey_orders()

    async def start_stores(self) -> None:
        layout = self.layout
        await asyncio.to_thread(postgres.create_database, layout, self.programs["initdb"])
        postgres.make_run_folder(layout)
        await self.start_parts(list(parts.stores(layout, self.programs)))
        await postgres.make_roles(layout, self.programs["psql"])

    async def fill(self, posts: int) -> None:
        """Tables, static files, an administrator and content."""
        await self.manage(self.layout.current, "prepare")
        await asyncio.to_thread(release.share_static, self.layout, self.layout.current.resolve())
        content = ["generate_content", "--posts", str(posts)] if posts else ["demo_content"]
        await self.manage(self.layout.current, *content)

    async def wait_until_ready(self) -> None:
        url, deadline = f"{self.layout.url}/readyz", asyncio.get_running_loop().time() + READY_SECONDS
        while reason := await asyncio.to_thread(self.why_not_ready, url):
            if asyncio.get_running_loop().time() > deadline:
                raise CannotStart(f"The fleet is not ready after {READY_SECONDS:g} s: {reason}")
            await asyncio.sleep(PAUSE)
        self.terminal.say(f"The fleet is ready: {self.layout.url}/  (end with Ctrl-C)")

    def why_not_ready(self, url: str) -> str:
        """Ask through nginx and Varnish, and each web host by itself. Empty if all is well."""
        webs = [f"http://{LOOPBACK}:{self.layout.port_of(name)}/healthz" for name in ("web1", "web2")]
        context = ssl.create_default_context(cafile=self.layout.certificate)
        for each in (*webs, url):
            request = urllib.request.Request(each, headers={"X-Forwarded-Proto": "https"})  # noqa: S310
            try:
                urllib.request.urlopen(request, timeout=5, context=context).close()  # noqa: S310 - our own address
            except (OSError, ValueError) as error:
                return f"{each}: {error}"
        return ""

    async def manage(
        self, folder: Path, *words: str, environment: Mapping[str, str] | None = None, may_fail: bool = False
    ) -> None:
        """Run a command of the release in that folder. Raises CannotStart."""
        child = Child("setup", [sys.executable, "manage.py", *words], self.terminal.print_line)
        self.children["setup"] = child
        await child.start(parts.site_environment(self.layout) | dict(environment or {}), folder)
        if (status := await child.wait()) and not may_fail:
            raise CannotStart(f"`manage.py {' '.join(words)}` failed with exit status {status}; its lines are above.")

    # --- parts ----------------------------------------------------------------------------------------

    async def start_parts(self, chosen: Sequence[Part]) -> None:
        self.parts |= {part.name: part for part in chosen}
        await asyncio.gather(*(self.start(part.name) for part in chosen))

    async def start(self, name: str) -> None:
        """Returns when it listens. From then on it is kept running. If it cannot start, the whole fleet ends."""
        part = self.parts[name]
        keeper = Keeper(name, functools.partial(self.start_child, part), self.say, attempts=ATTEMPTS)
        self.keeping[name] = asyncio.create_task(self.keep(keeper))
        await keeper.started.wait()
        # From here on it is started again for ever.
        keeper.attempts = None

    async def keep(self, keeper: Keeper) -> None:
        try:
            await keeper.keep_running()
        except CannotStart as error:
            self.failed.put_nowait(error)

    async def start_child(self, part: Part) -> Child:
        """Replaces the process that had this name."""
        if part.name in self.children:
            await self.children[part.name].kill()
        child = Child(
            part.name,
            part.command,
            self.terminal.print_line,
            user=part.user,
            stop_signal=part.stop_signal,
            pass_fds=part.pass_fds,
        )
        self.children[part.name] = child
        await child.start(dict(part.environment), part.folder)
        if part.port is not None:
            await wait_until_listening(child, part.port)
        self.write_state()
        return child

    async def stop(self, name: str) -> None:
        """It stays stopped."""
        await self.stop_keeping([name])
        await stop_together([self.children[name]], self.parts[name].seconds, self.say, self.requests.kill_requested)

    async def stop_keeping(self, names: Sequence[str]) -> None:
        tasks = [self.keeping.pop(name) for name in names if name in self.keeping]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop_everything(self) -> None:
        await self.stop_keeping(list(self.keeping))
        groups = (("nginx", "varnish"), ("web", "worker", "beat", "setup"), ("redis", "sentinel"), ("postgres",))
        for beginnings in groups:
            group = [child for name, child in self.children.items() if name.startswith(beginnings)]
            await stop_together(group, 10.0, self.terminal.say, self.requests.kill_requested)
        (self.layout.state / "fleet.json").unlink(missing_ok=True)
        shutil.rmtree(self.layout.run, ignore_errors=True)

    # --- orders ---------------------------------------------------------------------------------------

    def write_state(self) -> None:
        layout, file = self.layout, self.layout.state / "fleet.json"
        pids = {name: child.process.pid for name, child in self.children.items() if child.process and child.is_alive}
        state = {
            "url": layout.url,
            "ports": {name: layout.port_of(name) for name in PORTS},
            "control": str(layout.run / "control"),
            "pids": pids,
            "sentinel": layout.sentinel,
        }
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(state, indent=2))
        fresh.rename(file)

    async def obey_orders(self) -> None:
        server = await control.listen(self.layout.run / "control", self.obey)
        async with server:
            self.write_state()
            await asyncio.Event().wait()

    async def obey(self, words: list[str]) -> dict[str, Any]:
        """One order at a time. Raises CannotStart for one that makes no sense."""
        async with self.ordering:
            match words:
                case ["upgrade", folder]:
                    return await self.take_steps(upgrade(self, Path(folder)))
                case ["roll-back", folder]:
                    return await self.take_steps(roll_out(self, self.layout.releases / folder))
                case ["start" | "stop" | "restart" | "kill" | "reload" as verb, *names] if set(names) <= set(
                    self.parts
                ):
                    for name in names:
                        await self.obey_for(verb, name)
                case ["status"]:
                    pass
                case _:
                    raise CannotStart(f"Not an order: {' '.join(words)}. Parts are {', '.join(self.parts)}.")
        self.write_state()
        return {name: "running" if name in self.keeping else "stopped" for name in self.parts}

    async def obey_for(self, verb: str, name: str) -> None:
        match verb:
            case "start" if name not in self.keeping:
                await self.start(name)
            case "stop":
                await self.stop(name)
            case "restart":
                await self.restart(name)
            case "reload":
                self.reload(name)
            case "kill":
                self.signal(name, signal.SIGKILL)

    async def restart(self, name: str) -> None:
        await self.stop(name)
        await self.start(name)

    def reload(self, name: str) -> None:
        self.signal(name, signal.SIGHUP)

    def signal(self, name: str, number: int) -> None:
        process = self.children[name].process
        if process is not None and self.children[name].is_alive:
            process.send_signal(number)

    async def take_steps(self, steps: AsyncIterator[str]) -> dict[str, Any]:
        """The step, with the Unix time at which it began."""
        began: dict[str, Any] = {}
        async for step in steps:
            self.terminal.say(f"Next: {step}.")
            began[step] = time.time()
        began["done"] = time.time()
        return began


async def wait_until_listening(child: Child, port: int) -> None:
    """Returns early if it dies."""
    deadline = asyncio.get_running_loop().time() + LISTEN_SECONDS
    while child.is_alive and not await asyncio.to_thread(is_listening, port):
        if asyncio.get_running_loop().time() > deadline:
            return
        await asyncio.sleep(PAUSE)


def is_listening(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), 1).close()
    except OSError:
        return False
    return True
