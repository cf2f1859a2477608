"""A process that runs the operations with the code of one checkout."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.contender import ROOT
from tests.benchmarks.cores import FOR_THE_SERVER, on_core


class Checkout:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.operations = self._read().split("\t")

    def run(self, operation: str) -> float:
        """Run it once. Seconds of processor time a call."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{operation}\n")
        self._process.stdin.flush()
        return float(self._read())

    def close(self) -> None:
        """The process ends when its input does."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The process of a checkout ended; its own message is above.")
        return line.rstrip("\n")


@contextmanager
def start_checkout(folder: Path, redis_url: str, prefix: str) -> Iterator[Checkout]:
    """The operations are those of this checkout, and `content` is that of the folder."""
    command = [sys.executable, "-m", "tests.benchmarks.versions.child", str(folder), redis_url, prefix]
    with subprocess.Popen(
        on_core(FOR_THE_SERVER, command), cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            checkout = Checkout(process)
            yield checkout
            checkout.close()
            process.wait(timeout=10)
        finally:
            process.kill()
