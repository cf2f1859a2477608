"""Python processes with their libraries imported already.

To import Django and what the site uses takes a second of processor time, three times as long as all else that most
commands do. One server imports them once, and forks a process for each command, as multiprocessing's forkserver does.
Settings and the site's own modules are imported by the new process, which has its own environment and folder.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Imported by any command of the site, and independent of settings.
LIBRARIES = (
    "asyncio",
    "django.conf",
    "django.contrib.admin.utils",
    "django.contrib.auth.hashers",
    "django.contrib.sessions.backends.db",
    "django.contrib.staticfiles.finders",
    "django.core.cache",
    "django.core.handlers.asgi",
    "django.core.management",
    "django.core.serializers.json",
    "django.db.backends.sqlite3.base",
    "django.db.models",
    "django.forms",
    "django.middleware.csrf",
    "django.template.backends.django",
    "django.test.client",
    "django.views.generic",
    "django_redis.client",
    "dj_database_url",
    "dotenv",
    "markdown_it",
    "mdit_py_plugins",
    "PIL.Image",
    "psutil",
    "pydantic._internal._generate_schema",
    "pygments.formatters",
    "pygments.lexers",
    "redis.asyncio",
    "redis.cluster",
    "redis.sentinel",
    "sqlparse",
    "uvicorn",
)
# Bytes of a request: a command, a folder and an environment.
MOST = 1 << 20
NUMBER = struct.Struct("i")


def run_warm(
    words: Sequence[str | Path], environment: dict[str, str], folder: str | Path = ROOT, seconds: float = 280.0
) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS` and return its status and output. WORDS: a script, `-m` and a module, `-c` and a program."""
    command = [os.fspath(word) for word in words]
    request = json.dumps([command, environment, os.fspath(folder), False]).encode()
    ours, theirs = socket.socketpair()
    with ours, theirs, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        socket.send_fds(server(), [request], [theirs.fileno(), out.fileno(), errors.fileno()])
        theirs.close()
        pid = receive_number(ours)
        ours.settimeout(seconds)
        try:
            status = receive_number(ours)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise
        told = [read(file) for file in (out, errors)]
    return subprocess.CompletedProcess(command, os.waitstatus_to_exitcode(status), *told)


def receive_number(connection: socket.socket) -> int:
    number: int = NUMBER.unpack(connection.recv(NUMBER.size, socket.MSG_WAITALL))[0]
    return number


def read(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode())


@cache
def server() -> socket.socket:
    """The connection to the server of this process. It ends when this process does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST)
    program = [sys.executable, "-m", "tests.support.warm_python", str(theirs.fileno())]
    process = subprocess.Popen(program, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


# --- in the server ------------------------------------------------------------------------------------


def serve(requests: socket.socket) -> None:
    """Fork for each request. Returns in the process that is to run a command, and never in the server."""
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    os.umask(0o022)
    # The kernel forgets keepers that have ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, files, _, _ = socket.recv_fds(requests, MOST, 4)
        if not request:
            os._exit(0)
        if not os.fork():
            requests.close()
            keep(files, request)
            return
        for file in files:
            os.close(file)


def keep(files: list[int], request: bytes) -> None:
    """Start the command, send its process id and, at its end, its status. Returns in the command's process.

    `files`: where to send them, the output, the errors, and the input if it has one. The last part of a request says
    whether the command gets a group of its own.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    reply, out, errors, *inputs = files
    command, environment, folder, is_group = json.loads(request)
    if pid := os.fork():
        if is_group:
            os.setpgid(pid, pid)
        # The test has gone, if nobody reads.
        with suppress(OSError):
            os.write(reply, NUMBER.pack(pid))
        _, status = os.waitpid(pid, 0)
        with suppress(OSError):
            os.write(reply, NUMBER.pack(status))
        os._exit(0)
    for file, place in zip((*inputs, out, errors), range(3)[-2 - len(inputs) :], strict=True):
        os.dup2(file, place)
    os.closerange(3, max(files) + 1)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = command


def run_command() -> None:
    """Run sys.argv as Python runs its own."""
    kind = sys.argv[0]
    # The folder may have a copy of the project, with tests of its own.
    for name in [name for name in sys.modules if name.split(".")[0] == "tests"]:
        del sys.modules[name]
    sys.path[0] = "" if kind in ("-c", "-m") else os.path.dirname(os.path.abspath(kind))
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    if kind == "-c":
        code = compile(sys.argv.pop(1), "<string>", "exec")
        exec(code, {"__name__": "__main__", "__builtins__": __builtins__})
    elif kind == "-m":
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
    run_command()
