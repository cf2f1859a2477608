import os
import shutil
import socket
import subprocess
from typing import Any, NoReturn

import pytest


def binary(name: str, *places: str) -> str:
    """The path of a program. Without it the test is skipped, and in CI it fails."""
    found = shutil.which(name) or next((place for place in places if os.access(place, os.X_OK)), None)
    if found is None:
        absent(f"{name} is not installed")
    return found


def absent(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI must run every test")
    pytest.skip(reason)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def stop(process: subprocess.Popen[Any], seconds: float = 10.0) -> None:
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
