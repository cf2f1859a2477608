"""An edit in a process of one host, and when readers see it: on the other host, and through nginx and Varnish."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.benchmarks.contender import ROOT
from tests.benchmarks.fleet.readers import Page, connect, newest_edit
from tests.support.fleet import RunningFleet

# Seconds between two looks at a page, and after which an edit counts as unseen.
PAUSE, LIMIT = 0.01, 30.0


class Editor:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert self.read_line() == "ready\n"

    def read_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def edit(self) -> dict[str, str]:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return dict(json.loads(self.read_line()))


@contextmanager
def running_editor(fleet: RunningFleet) -> Iterator[Editor]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.fleet.editor"],
        env=fleet.environment | {"DJANGO_SETTINGS_MODULE": "project.settings", "PATH": os.environ["PATH"]},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield Editor(process)
    finally:
        process.terminate()
        process.communicate(timeout=20)


@dataclass
class Seen:
    """`at`: Unix time at which edit `number` was committed. Seconds from then until the page at `path` shows it."""

    at: float
    error: str = ""
    path: str = ""
    number: int = 0
    by_proxies: float = LIMIT
    by_other: float = LIMIT


@dataclass
class Edits:
    """Edits once a `seconds`, one after the other, and looks until each is seen."""

    fleet: RunningFleet
    editor: Editor
    seconds: float = 1.0
    seen: list[Seen] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.ended.wait(self.seconds):
            self.seen.append(asyncio.run(self.edit_once()))

    async def edit_once(self) -> Seen:
        answer = await asyncio.to_thread(self.editor.edit)
        mark = answer.get("mark", "").encode()
        seen = Seen(time.time(), answer.get("error", ""), answer.get("path", ""), newest_edit(mark))
        if not seen.error:
            host = self.fleet.url.partition("://")[2]
            pages = (connect(self.fleet), Page(self.fleet.port_of("web2"), host, None))
            looks = (wait_for_mark(page, seen.path, mark, seen.at) for page in pages)
            seen.by_proxies, seen.by_other = await asyncio.gather(*looks)
        return seen


async def wait_for_mark(page: Page, path: str, mark: bytes, began: float) -> float:
    try:
        while time.time() < began + LIMIT:
            try:
                async with asyncio.timeout(LIMIT):
                    _status, body = await page.get(path)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                page.close()
                body = b""
            if mark in body:
                return time.time() - began
            await asyncio.sleep(PAUSE)
        return LIMIT
    finally:
        page.close()
