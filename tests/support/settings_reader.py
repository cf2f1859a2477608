"""Reads the settings under one environment after another. A process imports what they need, and forks for each."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.service import ROOT, clean_environment

SERVER = """
import json, os, sys, traceback
import dj_database_url
import project.caches, project.environment, project.logs, project.own_redis, project.secret_key

def read(environment, out, err):
    os.environ.clear()
    os.environ.update(environment)
    for path, number in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    try:
        from project import settings
        names = [name for name in dir(settings) if name.isupper()]
        print(json.dumps({name: str(getattr(settings, name)) for name in names}), flush=True)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)

assert "project.settings" not in sys.modules
for line in sys.stdin:
    child = os.fork()
    if not child:
        read(*json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class SettingsReader:
    """A process that has imported what the settings import, and not the settings."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def read(self, state_dir: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """All settings as JSON, or the error."""
        everything = clean_environment() | {"EVERGREEN_STATE_DIR": str(state_dir)} | environment
        out, err = state_dir / "settings.out", state_dir / "settings.err"
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([everything, str(out), str(err)]) + "\n")
        self.process.stdin.flush()
        status = int(self.process.stdout.readline())
        return subprocess.CompletedProcess([], status, out.read_text(), err.read_text())


@contextmanager
def running_settings_reader() -> Iterator[SettingsReader]:
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(
        command, env=clean_environment(), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield SettingsReader(process)
        assert process.stdin is not None
        process.stdin.close()
