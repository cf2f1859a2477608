import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable

import pytest

# A machine that is five times as busy starts a server five times as slowly.
READY_SECONDS = 120.0


def binary(name: str, *places: str) -> str:
    """Where that program is; a test that needs one that is absent is skipped, and fails in CI."""
    found = shutil.which(name) or next((place for place in places if os.access(place, os.X_OK)), None)
    if found is None:
        absent(f"{name} is not installed")
    return found


def absent(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI must run every test")
    pytest.skip(reason)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_until(ready: Callable[[], bool], what: str, seconds: float = READY_SECONDS) -> None:
    """Ask again and again, without a pause worth the name, until it is so or the time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds:g} s")


def stop(process: subprocess.Popen, seconds: float = 10.0) -> None:
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
