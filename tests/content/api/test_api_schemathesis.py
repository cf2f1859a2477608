"""The served API does what its document says, whatever it is asked: cases made by Schemathesis from the document."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.operators import make_token
from tests.support.service import Service

pytestmark = pytest.mark.long

ST = Path(sys.executable).parent / "st"


# A choice of what is not there is well-formed, and 422. Any other rejection of what the document allows is a failure.
REJECTIONS = ["2xx", "401", "403", "404", "409", "422", "429"]
CONFIG = f"[checks.positive_data_acceptance]\nexpected-statuses = {json.dumps(REJECTIONS)}\n"
OPERATORS = "^/api/v1/ops/"


def cases(service: Service, *options: str) -> int:
    """How many were tried; every check that Schemathesis has held in each."""
    config = service.state_dir / "schemathesis.toml"
    config.write_text(CONFIG)
    command = [str(ST), "--config-file", str(config), "run", f"{service.url}/api/v1/openapi.json"]
    ran = subprocess.run(
        [*command, "--checks=all", "--no-color", "--seed=1", "--suppress-health-check=too_slow", *options],
        capture_output=True,
        text=True,
        timeout=1500,
        cwd=service.state_dir,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return int(re.search(r"([\d,]+) generated", ran.stdout)[1].replace(",", ""))


@pytest.fixture
def operators(service: Service) -> tuple[str, ...]:
    """The options for requests with a new token that may do everything."""
    return ("--include-path-regex", OPERATORS, "-H", f"Authorization: Bearer {make_token(service)}")


def test_about_a_hundred_cases_are_answered_as_documented(service):
    """Those of operators without a token."""
    assert cases(service, "--phases=fuzzing", "--max-examples=7") >= 100


def test_orders_of_operators_are_answered_as_documented(service, operators):
    assert cases(service, "--phases=examples,fuzzing", "--max-examples=30", *operators) >= 100


@pytest.mark.slow
@pytest.mark.timeout(1600)
def test_thousands_of_cases_are_answered_as_documented(service):
    assert cases(service, "--max-examples=200") >= 2_000


@pytest.mark.slow
@pytest.mark.timeout(1600)
def test_thousands_of_orders_are_answered_as_documented(service, operators):
    assert cases(service, "--max-examples=300", *operators) >= 2_000
