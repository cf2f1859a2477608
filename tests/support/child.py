"""A Python process of a test. It prints "ready", waits for a line, and then prints its result as JSON."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.service import ROOT, clean_environment
from tests.support.warm_process import WarmProcess


class Child:
    """`is_warm`: its libraries are imported already, and its hash seed is that of other warm ones."""

    def __init__(
        self, *arguments: str, environment: dict[str, str], folder: Path = ROOT, is_warm: bool = True
    ) -> None:
        self.process: subprocess.Popen[str]
        if is_warm:
            self.process = WarmProcess(arguments, environment, folder=folder, is_piped=True)
        else:
            pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            self.process = subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environment, **pipes)

    def read_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def wait_until_ready(self) -> None:
        line = self.read_line()
        assert line == "ready\n", line

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def outcome(self) -> Any:
        """Wait for the end of the process, for two minutes at most; what its last line says."""
        out, _ = self.process.communicate(timeout=120)
        return json.loads(out)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def child_environment(settings: str, **variables: str) -> dict[str, str]:
    """With the Django settings of that module, and nothing that this run of the tests is configured by."""
    return clean_environment() | {"DJANGO_SETTINGS_MODULE": settings, "PYTHONPATH": str(ROOT)} | variables


def wait_for_go() -> None:
    """In the child."""
    print("ready", flush=True)
    sys.stdin.readline()
