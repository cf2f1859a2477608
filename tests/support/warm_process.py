"""Long-lived Python processes with their libraries imported already: workers, racers, observers.

The server of `warm_python` forks them. To its test such a process is a `subprocess.Popen`. All of them have one hash
seed, that of the server.
"""

import json
import math
import os
import select
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests.support.warm_python import NUMBER, ROOT, receive_number, server

# Seconds for which one thread waits before others may look.
SLICE = 0.05
# Run by the new process, before its own program, as Python does when it starts.
BEGIN = """
import os, runpy, sys
del sys.argv[0]
for folder in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
    if os.path.exists(file := os.path.join(folder, "sitecustomize.py")):
        runpy.run_path(file)
kind = sys.argv[0]
if kind == "-c":
    exec(compile(sys.argv.pop(1), "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
elif kind == "-m":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
else:
    sys.path[0] = os.path.dirname(os.path.abspath(kind))
    runpy.run_path(kind, run_name="__main__")
"""


class WarmProcess(subprocess.Popen[str]):
    """Runs `python WORDS`. The status comes from the server, since the process is no child of this one.

    Its process id may be another's as soon as it has ended. Send signals by `send_signal`, which knows that.
    """

    def __init__(
        self,
        words: Sequence[str | Path],
        environment: Mapping[str, str],
        *,
        folder: str | Path = ROOT,
        log: IO[Any] | None = None,
        is_piped: bool = False,
        are_errors_piped: bool = False,
        is_group: bool = False,
    ) -> None:
        """`log`: a file for all output. `is_piped`: lines go to `stdin` and come from `stdout`."""
        self.args = [os.fspath(word) for word in words]
        self.returncode: int | None = None
        self.stdin = self.stdout = self.stderr = None
        # The base class reads these: a text mode, no child to wait for, and the seconds for which Ctrl-C waits.
        self.text_mode, self.encoding, self.errors = True, None, None
        self._child_created, self._communication_started, self._input = False, False, None
        self._sigint_wait_secs = 0.25
        self.lock = threading.Lock()
        places = [log.fileno(), log.fileno()] if log else [1, 2]
        theirs: list[int] = []
        for place, name, is_wanted in ((0, "stdout", is_piped), (1, "stderr", are_errors_piped)):
            if is_wanted:
                reader, places[place] = os.pipe()
                theirs.append(places[place])
                setattr(self, name, os.fdopen(reader))
        if is_piped:
            reader, writer = os.pipe()
            places.append(reader)
            theirs.append(reader)
            self.stdin = os.fdopen(writer, "w")
        request = [["-c", BEGIN, *self.args], dict(environment), os.fspath(folder), is_group]
        self.status, keeper = socket.socketpair()
        with keeper:
            socket.send_fds(server(), [json.dumps(request).encode()], [keeper.fileno(), *places])
        for descriptor in theirs:
            os.close(descriptor)
        self.pid = receive_number(self.status)

    def _internal_poll(self, *arguments: Any, **options: Any) -> int | None:
        # As the base class: another thread that waits for the process sees its end soon enough.
        if self.lock.acquire(blocking=False):
            try:
                self._has_ended(0.0)
            finally:
                self.lock.release()
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        until = time.monotonic() + (math.inf if timeout is None else timeout)
        while True:
            left = max(0.0, until - time.monotonic())
            with self.lock:
                if self._has_ended(min(SLICE, left)):
                    assert self.returncode is not None
                    return self.returncode
            if time.monotonic() >= until:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)

    def _has_ended(self, seconds: float) -> bool:
        """Wait that long at most. Called with the lock."""
        if self.returncode is None:
            poll = select.poll()
            poll.register(self.status, select.POLLIN)
            if poll.poll(1000 * seconds):
                status = self.status.recv(NUMBER.size)
                assert status, "the server of warm processes has ended"
                self.returncode = os.waitstatus_to_exitcode(NUMBER.unpack(status)[0])
                self.status.close()
        return self.returncode is not None
