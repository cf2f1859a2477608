"""An edit a second while readers read, and whether the pages show it afterwards."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.benchmarks.contender import ROOT
from tests.benchmarks.cores import FOR_THE_LOAD, on_core

SECONDS = 1.0


class Editor:
    """The process that edits. `marks`: what the page of a path shows since its last edit."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.marks: dict[str, str] = {}
        assert self.read_line() == "ready\n"

    def read_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def edit(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        edited = json.loads(self.read_line())
        self.marks[edited["path"]] = edited["mark"]

    @contextmanager
    def edit_every_second(self) -> Iterator[None]:
        """Edit at once, and then once a second until the end of the block."""
        ended = threading.Event()
        thread = threading.Thread(target=self.edit_until, args=[ended])
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def edit_until(self, ended: threading.Event) -> None:
        self.edit()
        while not ended.wait(SECONDS):
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
