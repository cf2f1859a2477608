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
from tests.support.servers.process import stop

SECONDS = 1.0


class Editor:
    """The process that edits. `marks`: what the page of a path shows since its last edit."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.marks: dict[str, str] = {}
        assert self.said() == "ready\n"

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def edit(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        edited = json.loads(self.said())
        self.marks[edited["path"]] = edited["mark"]

    @contextmanager
    def editing(self) -> Iterator[None]:
        """An edit at once, and then one a second."""
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
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=os.environ | environment, cwd=ROOT, **pipes)
    try:
        yield Editor(process)
    finally:
        stop(process)
        process.stdin.close()
        process.stdout.close()
