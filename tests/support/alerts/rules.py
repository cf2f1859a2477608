"""The rules of deploy/prometheus, and what promtool says of them."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.support.servers.process import binary
from tests.support.service import ROOT

FOLDER = ROOT / "deploy/prometheus"
RULES = FOLDER / "rules.yml"
RUNBOOKS = ROOT / "docs/runbooks"
# A name in an expression that no bracket follows: functions are left out, and labels by their quotes or braces.
METRIC = re.compile(r"\b(?:evergreen|cache)_\w+")


def groups() -> list[dict[str, Any]]:
    return list(yaml.safe_load(RULES.read_text())["groups"])


def rules() -> Iterator[dict[str, Any]]:
    for group in groups():
        yield from group["rules"]


def alerts() -> dict[str, dict[str, Any]]:
    """The rules by their names."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def metrics_in(expression: str) -> set[str]:
    """The metrics of the service that it names. Names of recording rules have a colon, and are none."""
    return set(METRIC.findall(re.sub(r"\w+:\w+:\w+", "", expression)))


def promtool(*words: str, folder: Path = FOLDER) -> str:
    """What it prints. It must not fail."""
    done = subprocess.run(
        [binary("promtool"), *words], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
