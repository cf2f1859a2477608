"""Long-lived Python processes with their libraries imported already: workers, racers, observers.

The server of `warm_python` forks them. To its test such a process is a `subprocess.Popen`.
"""

import json
import os
import select
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from tests.support.warm_python import NUMBER, ROOT, receive_number, server

# Run by the new process, before its own program: what Popen and the start of Python would have done for it.
BEGIN = """
import json, os, runpy, sys
options, sys.argv = json.loads(sys.argv[1]), sys.argv[2:]
if options["is_session"]:
    os.setsid()
if options["input"]:
    os.dup2(os.open(options["input"], os.O_RDONLY), 0)
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
    """Runs `python WORDS`. The status comes from the server, since the process is no child of this one."""

    def __init__(
        self,
        words: Sequence[str | Path],
        environment: Mapping[str, str],
        *,
        folder: str | Path = ROOT,
        log: IO[Any] | None = None,
        is_piped: bool = False,
        are_errors_piped: bool = False,
        is_session: bool = False,
    ) -> None:
        """`log`: a file for all output. `is_piped`: lines go to `stdin` and come from `stdout`."""
        self.args = [os.fspath(word) for word in words]
        self.returncode: int | None = None
        self.stdin = self.stdout = self.stderr = None
        # What the base class reads: a text mode, and no child to wait for.
        self.text_mode, self.encoding, self.errors = True, None, None
        self._child_created, self._communication_started, self._input = False, False, None
        options: dict[str, Any] = {"is_session": is_session, "input": ""}
        theirs: list[int] = []
        if is_piped:
            # The process opens the pipe by this path, whether its writer has gone by then or not.
            self.input, writer = os.pipe()
            options["input"] = f"/proc/{os.getpid()}/fd/{self.input}"
            self.stdin = os.fdopen(writer, "w")
        outputs = [log.fileno(), log.fileno()] if log else [1, 2]
        for place, name, is_wanted in ((0, "stdout", is_piped), (1, "stderr", are_errors_piped)):
            if is_wanted:
                reader, outputs[place] = os.pipe()
                theirs.append(outputs[place])
                setattr(self, name, os.fdopen(reader))
        request = [["-c", BEGIN, json.dumps(options), *self.args], dict(environment), os.fspath(folder)]
        self.status, keeper = socket.socketpair()
        with keeper:
            socket.send_fds(server(), [json.dumps(request).encode()], [keeper.fileno(), *outputs])
        for descriptor in theirs:
            os.close(descriptor)
        self.pid = receive_number(self.status)

    def _internal_poll(self, *arguments: Any, **options: Any) -> int | None:
        if self.returncode is None:
            with suppress(subprocess.TimeoutExpired):
                self._wait(0)
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        if self.returncode is None:
            if not select.select([self.status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            status = self.status.recv(NUMBER.size)
            assert status, "the server of warm processes has ended"
            self.returncode = os.waitstatus_to_exitcode(NUMBER.unpack(status)[0])
            self.status.close()
            if self.stdin:
                os.close(self.input)
        return self.returncode
