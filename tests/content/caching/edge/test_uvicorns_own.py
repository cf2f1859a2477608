"""uvicorn's own tests, as its release has them, on EdgeProtocol in the place of the protocol that it extends.

They are fetched, with what they import and we do not: nothing of uvicorn's is kept here. `edge_in_place`
replaces the protocol; the list below names the tests that do not run, with the reason.
"""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.support.service import ROOT, clean_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# Packages that the tests of uvicorn 0.54 import, in the versions of the last count.
PACKAGES = ["httpx2==2.16.2", "httpcore2==2.16.2", "truststore==0.10.5", "websockets==17.4", "wsproto==1.3.2"]
PROTOCOL = ["protocols/test_http.py"]
ALL = [
    *PROTOCOL,
    "protocols/test_websocket.py",
    "middleware/test_logging.py",
    "middleware/test_message_logger.py",
    "middleware/test_proxy_headers.py",
    "test_default_headers.py",
    "test_main.py",
    "test_server.py",
    "test_ssl.py",
]

LIMITED = "a head of more than 64 kB is refused (431)"
IN_ONE_PIECE = "the whole is known before it is told: Content-Length, not chunks"
OF_THE_HOP = "Connection is between the application and the cache (RFC 9110, 7.6.1)"
OF_PROTOCOL = {
    "protocols/test_http.py::test_shutdown_during_idle[": "a quiet connection is closed after a second, not at once",
    "protocols/test_http.py::test_huge_headers_httptools_will_pass": LIMITED,
    "protocols/test_http.py::test_huge_headers_httptools": LIMITED,
}
OF_CACHE = OF_PROTOCOL | {
    "protocols/test_http.py::test_close[": OF_THE_HOP,
    "protocols/test_http.py::test_connection_close_tokens[httptools-response-multiple-tokens]": OF_THE_HOP,
    "protocols/test_http.py::test_chunked_encoding[": IN_ONE_PIECE,
    "protocols/test_http.py::test_chunked_encoding_empty_body[": IN_ONE_PIECE,
    "protocols/test_http.py::test_value_returned[": "what an application returns is its own affair: it has answered",
}
OF_SERVER_WITH_CACHE = {
    "test_server.py::test_reset_contextvars_asyncio[": "an application runs where what it reads is collected",
}
OF_HITS = OF_CACHE | {
    "protocols/test_http.py::test_lifespan_state[": "whoever asks again is not the application's to count",
}


@pytest.fixture(autouse=True)
def way() -> str:
    """There is but one."""
    return "protocol"


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with uvicorn's tests, of the release that is installed, and without its code."""
    folder = tmp_path_factory.mktemp("uvicorn")
    named = f"uvicorn=={uvicorn.__version__}"
    pip("download", "--no-deps", "--no-binary", "uvicorn", "--dest", str(folder), named)
    pip("install", "--no-deps", "--target", str(folder / "packages"), *PACKAGES)
    with tarfile.open(next(folder.glob("uvicorn-*.tar.gz"))) as archive:
        root = f"uvicorn-{uvicorn.__version__}/"
        tests = [member for member in archive if member.name.startswith(root + "tests/")]
        for member in tests:
            member.name = member.name.removeprefix(root)
        archive.extractall(folder, tests, filter="data")
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    return folder


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert ran.returncode == 0, ran.stderr


def run(folder: Path, files: list[str], application: str, left_out: dict[str, str]) -> dict[str, Any]:
    told = folder / f"{application}.json"
    path = [folder / "packages", ROOT / "tests" / "support" / "uvicorns", ROOT]
    environment = clean_environment() | {
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "",
        "EDGE_APPLICATION": application,
        "EDGE_LEFT_OUT": json.dumps(list(left_out)),
        "EDGE_TOLD": str(told),
    }
    plugins = ["-p", "anyio", "-p", "edge_in_place", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *(f"tests/{name}" for name in files)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert told.exists(), ran.stdout + ran.stderr
    result: dict[str, Any] = json.loads(told.read_text())
    assert result["failed"] == [], ran.stdout
    assert result["unused"] == []
    return result


def counts(result: dict[str, Any]) -> tuple[int, int, int, int]:
    """Passed, skipped by themselves, not run; of all those that have made an EdgeProtocol."""
    passed, skipped, left_out, connected = (
        len(result[name]) for name in ("passed", "skipped", "left_out", "connected")
    )
    return passed, skipped, left_out, connected


def test_of_an_application_as_they_have_it(theirs):
    assert counts(run(theirs, ALL, "bare", OF_PROTOCOL)) == (534, 5, 3, 247)


def test_of_an_application_behind_a_cache(theirs):
    assert counts(run(theirs, ALL, "cached", OF_CACHE | OF_SERVER_WITH_CACHE)) == (528, 5, 9, 241)


def test_of_plain_hits(theirs):
    """Each storable page is requested twice, and the tests see the second response."""
    result = run(theirs, PROTOCOL, "twice", OF_HITS)
    assert counts(result) == (81, 2, 9, 81)
    assert result["hits"] == 13
