"""Python processes that live for a while and talk with their test, with their libraries imported already.

See `warm_python`, which starts them. One socket is their input and their output.
"""

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

from tests.support.warm_python import ROOT, receive_number, server

# The output of a process from `warm_python` is ours to choose, and its input is not.
START = "import os, runpy, sys; os.dup2(1, 0); del sys.argv[0]; runpy.run_module(sys.argv[0], None, '__main__', True)"
# Seconds that a process may take to say something or to end.
LONGEST = 120.0


class WarmProcess:
    """`python WORDS`, which runs while the test does. `output`: what it prints."""

    def __init__(self, *words: str, environment: dict[str, str], folder: Path = ROOT) -> None:
        request = json.dumps([words, environment, os.fspath(folder)]).encode()
        self.replies, reply = socket.socketpair()
        self.connection, out = socket.socketpair()
        with reply, out:
            socket.send_fds(server(), [request], [reply.fileno(), out.fileno(), 2])
        self.replies.settimeout(LONGEST)
        self.connection.settimeout(LONGEST)
        self.output = self.connection.makefile("r")
        self.pid = receive_number(self.replies)

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        status = receive_number(self.replies)
        self.output.close()
        self.connection.close()
        self.replies.close()
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.wait()


class WarmChild(WarmProcess):
    """`python -m MODULE ARGUMENTS`. As `Child` it prints "ready", waits for a line, and then prints its result."""

    def __init__(self, module: str, *arguments: str, environment: dict[str, str]) -> None:
        super().__init__("-c", START, module, *arguments, environment=environment)

    def wait_until_ready(self) -> None:
        line = self.output.readline()
        assert line == "ready\n", line

    def go(self) -> None:
        self.connection.sendall(b"go\n")

    def outcome(self) -> Any:
        """Wait for the end of the process; what it printed last."""
        printed = self.output.read()
        self.wait()
        return json.loads(printed)
