"""The served API does what its document says, whatever it is asked: cases made by Schemathesis from the document."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.service import Service, clean_environment, running_service

ST = Path(sys.executable).parent / "st"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def service(tmp_path_factory, redis_server) -> Iterator[Service]:
    """`manage.py serve` with the demo's posts, its edge, and no limit: Schemathesis has one address."""
    state = tmp_path_factory.mktemp("api") / "state"
    state.mkdir()
    # With DEBUG no static files need be collected, which takes longer than the test.
    environment = {"REDIS_URL": redis_server.url, "SECRET_KEY": "for tests only", "EVERGREEN_API_A_MINUTE": "0"}
    environment |= {"DEBUG": "true", "EVERGREEN_EDGE": "true"}
    for command in ("migrate", "demo_content"):
        manage(command, environment | {"EVERGREEN_STATE_DIR": str(state)})
    with running_service(state, command="serve", environment=environment) as service:
        service.line_with("Serving on")
        yield service


def manage(command: str, environment: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), command, "-v0"], env=clean_environment() | environment, check=True
    )


def cases(service: Service, *options: str) -> int:
    """How many were tried; every check that Schemathesis has held in each."""
    ran = subprocess.run(
        [str(ST), "run", f"{service.url}/api/v1/openapi.json", "--checks=all", "--no-color", "--seed=1", *options],
        capture_output=True,
        text=True,
        timeout=1500,
        cwd=service.state_dir,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return int(re.search(r"([\d,]+) generated", ran.stdout)[1].replace(",", ""))


def test_about_a_hundred_cases_are_answered_as_documented(service):
    assert cases(service, "--phases=fuzzing", "--max-examples=10") >= 100


@pytest.mark.slow
@pytest.mark.timeout(1600)
def test_thousands_of_cases_are_answered_as_documented(service):
    assert cases(service, "--max-examples=200") >= 2_000
