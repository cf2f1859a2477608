"""An edit a second while readers read, withdrawals between them, and what pages have to show afterwards."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count

from tests.benchmarks.contender import ROOT
from tests.benchmarks.cores import FOR_THE_LOAD, on_core

SECONDS = 1.0


class Editor:
    """The process that edits. `marks`: what the page of a path shows since its last edit.

    `withdrawn`: by path, the time (perf_counter) before and after the post was withdrawn.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.marks: dict[str, str] = {}
        self.withdrawn: dict[str, tuple[float, float]] = {}
        assert self.read_line() == "ready\n"

    def read_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def edit(self) -> None:
        edited = self.order("")
        self.marks[edited["path"]] = edited["mark"]

    def withdraw(self) -> None:
        began = time.perf_counter()
        answer = self.order("withdraw")
        if "mark" not in answer:
            self.marks.pop(answer["path"], None)
            self.withdrawn[answer["path"]] = (began, time.perf_counter())

    def order(self, word: str) -> dict[str, str]:
        """Send a line, and wait until it is done."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return json.loads(self.read_line())

    @contextmanager
    def edit_every_second(self, withdraw_every: int = 0) -> Iterator[None]:
        """Edit at once, and then once a second until the end of the block.

        `withdraw_every`: every so many seconds a post is withdrawn instead; 0 for never.
        """
        ended = threading.Event()
        thread = threading.Thread(target=self.edit_until, args=[ended, withdraw_every])
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def edit_until(self, ended: threading.Event, withdraw_every: int) -> None:
        self.edit()
        for second in count(1):
            if ended.wait(SECONDS):
                return
            if withdraw_every and second % withdraw_every == withdraw_every // 2:
                self.withdraw()
            else:
                self.edit()


@contextmanager
def editor(environment: Mapping[str, str]) -> Iterator[Editor]:
    """With the settings of the contender, whose invalidation runs where the edit is made."""
    command = on_core(FOR_THE_LOAD, [sys.executable, "-m", "tests.benchmarks.site.editor"])
    process = subprocess.Popen(
        command,
        env=os.environ | environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Editor(process)
    finally:
        process.terminate()
        process.communicate(timeout=10)
