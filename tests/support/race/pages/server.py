"""Two processes of the application, as they would be in production: a uvicorn with workers."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.race.course import Course
from tests.support.race.pages.readers import get
from tests.support.servers.process import free_port, stop
from tests.support.wait import wait_until

PROCESSES = 2
QUIETLY = ("--log-level", "critical", "--no-access-log", "--backlog", "4096")


@dataclass(frozen=True)
class PageServer:
    port: int
    folder: Path

    @property
    def journals(self) -> list[Path]:
        """One a process, written when it ends."""
        return sorted(self.folder.glob("pages-*.jsonl"))

    def process_that_answers(self) -> int:
        """0 while none does."""
        try:
            return asyncio.run(get(self.port, "/")).process
        except (OSError, ValueError):
            return 0


@contextmanager
def serving(course: Course, folder: Path) -> Iterator[PageServer]:
    server, seen = PageServer(free_port(), folder), set()
    command = [sys.executable, "-m", "uvicorn", "tests.support.race.pages.app:app", "--port", str(server.port)]
    options = json.dumps(course.options_of(0, folder / "pages"))
    process = subprocess.Popen(
        [*command, "--workers", str(PROCESSES), *QUIETLY],
        cwd=course.code,
        env=course.environment | {"RACE_OPTIONS": options},
    )

    def all_answer() -> bool:
        seen.add(server.process_that_answers())
        return len(seen - {0}) == PROCESSES

    try:
        wait_until(all_answer, "both processes answer")
        yield server
    finally:
        stop(process)
