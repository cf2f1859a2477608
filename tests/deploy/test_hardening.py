"""The processes need no more than their units allow: no other call of the kernel, no memory to write and execute."""

import ctypes
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.servers.process import binary
from tests.support.service import ROOT, environment_of, make_demo
from tests.support.systemd import listening_for_notices
from tests.support.targets import UNITS, read_unit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# linux/prctl.h: from then on the kernel refuses this process and its children what MemoryDenyWriteExecute refuses.
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
COMMANDS = {
    "web": [str(ROOT / "manage.py"), "serve", "--port", "0"],
    "worker": ["-m", "celery", "-A", "workers", "--quiet", "worker", "--concurrency", "1"],
    "beat": ["-m", "celery", "-A", "workers", "--quiet", "beat"],
}


def deny_write_execute() -> None:
    if ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
        raise OSError("This kernel does not know PR_SET_MDWE.")


@cache
def calls_of(group: str) -> frozenset[str]:
    """As systemd lists them; a group may name others."""
    done = subprocess.run([binary("systemd-analyze"), "syscall-filter", group], capture_output=True, text=True)
    names = [line.strip() for line in done.stdout.splitlines()[1:] if not line.strip().startswith("#")]
    return frozenset().union(*(calls_of(name) if name.startswith("@") else {name} for name in names))


def read_allowed_calls(unit: dict[str, list[str]]) -> set[str]:
    """The lines of SystemCallFilter, applied one after the other."""
    allowed: set[str] = set()
    for line in unit["SystemCallFilter"]:
        words = line.removeprefix("~").split()
        calls = set().union(*(calls_of(word) if word.startswith("@") else {word} for word in words))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed


@pytest.mark.parametrize("role", COMMANDS)
def test_a_role_starts_works_and_ends_within_its_unit(role, tmp_path, fresh_redis):
    unit = read_unit(UNITS / f"evergreen-{role}.service")
    assert unit["MemoryDenyWriteExecute"] == ["yes"]
    # A trace of the calls that are not allowed: none.
    others = ",".join(f"?{name}" for name in sorted(read_allowed_calls(unit)))
    trace = tmp_path / "trace"
    strace = [binary("strace"), "-f", "-qq", "-e", "signal=none", "-o", str(trace), "-e", f"trace=!{others}"]
    state = tmp_path / "state"
    state.mkdir()
    make_demo(state)
    with listening_for_notices(str(tmp_path / "notify")) as notices:
        environment = (
            environment_of(state) | notices.environment | {"REDIS_URL": fresh_redis, "WATCHDOG_USEC": "9000000"}
        )
        process = subprocess.Popen(
            [*strace, sys.executable, *COMMANDS[role]],
            cwd=ROOT,
            env=environment | {"SECRET_KEY": "for tests only"},
            preexec_fn=deny_write_execute,
        )
        try:
            notices.wait_for("STATUS=Taking tasks." if role == "worker" else "READY=1")
        finally:
            (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            subprocess.run(["kill", child], check=True)
            process.wait(120)
        notices.wait_for("STOPPING=1")
    # SQLite gives its files the owner of the database, if it runs as root. No unit does, nor has SQLite.
    assert [line for line in trace.read_text().splitlines() if "fchown(" not in line] == []


def test_a_call_that_is_not_allowed_is_seen(tmp_path):
    """The nice level is one of them, unless the unit says otherwise."""
    unit = read_unit(UNITS / "evergreen-web.service")
    others = ",".join(f"?{name}" for name in sorted(read_allowed_calls(unit) - {"setpriority"}))
    trace = tmp_path / "trace"
    code = "import os; os.nice(1)"
    subprocess.run(
        [binary("strace"), "-f", "-qq", "-o", str(trace), "-e", f"trace=!{others}", sys.executable, "-c", code],
        check=True,
    )
    assert "setpriority" in trace.read_text()
