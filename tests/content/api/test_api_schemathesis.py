"""The served API does what its document says, whatever it is asked: cases made by Schemathesis from the document."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import Service

ST = Path(sys.executable).parent / "st"


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
