"""The board of Grafana: valid, without overlaps, and made of metrics that exist."""

import json
import re
from itertools import combinations
from typing import Any

import pytest
import yaml

from tests.support.alerts.rules import metrics_in, promtool, rules
from tests.support.service import ROOT

BOARD = json.loads((ROOT / "deploy/grafana/evergreen.json").read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
VARIABLES = {"$job": "evergreen", "$instance": ".*", "$__rate_interval": "5m"}
# A metric in the tables of docs/: `evergreen_x_total{status, cache}`.
DOCUMENTED = re.compile(r"`((?:evergreen|cache)_\w+)")
# In the code: the name of a family.
EXPORTED = re.compile(r'"((?:evergreen|cache)_\w+)"')
# What prometheus_client appends to the name of a family.
PARTS = re.compile(r"_(?:bucket|count|sum)\Z")
RECORDED = re.compile(r"\w+:\w+:\w+")

each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])


def expressions(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


def list_declared() -> set[str]:
    """Metrics that a page of the documentation names, or the code of /metrics."""
    documented = {name for page in (ROOT / "docs").glob("*.md") for name in DOCUMENTED.findall(page.read_text())}
    code = "\n".join(file.read_text() for file in (ROOT / "content/ops").rglob("*.py"))
    exported = set(EXPORTED.findall(code))
    # prometheus_client appends this to the name of a counter.
    return documented | exported | {f"{name}_total" for name in exported}


def test_every_expression_is_valid(tmp_path):
    exprs = [expression for panel in PANELS for expression in expressions(panel)]
    for name, value in VARIABLES.items():
        exprs = [expression.replace(name, value) for expression in exprs]
    group = {"name": "board", "rules": [{"record": "board:x:y", "expr": expression} for expression in exprs]}
    for number, rule in enumerate(group["rules"]):
        rule["labels"] = {"number": str(number)}
    file = tmp_path / "board.yml"
    file.write_text(yaml.safe_dump({"groups": [group]}))
    promtool("check", "rules", str(file))


def test_it_has_variables_for_the_job_and_the_host():
    assert [variable["name"] for variable in BOARD["templating"]["list"]] == ["datasource", "job", "instance"]
    for panel in PANELS:
        assert panel["datasource"]["uid"] == "${datasource}"


@each_panel
def test_each_panel_says_what_it_shows_and_is_of_the_chosen_job(panel):
    assert panel["description"].endswith(".")
    for expression in expressions(panel):
        selectors = re.findall(r"\{([^}]*)\}", expression)
        assert selectors
        assert all('job="$job"' in selector or 'job=~"$job|"' in selector for selector in selectors), expression


def test_no_panels_overlap_and_each_has_a_number():
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    for one, other in combinations((panel["gridPos"] for panel in BOARD["panels"]), 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
        assert one["x"] + one["w"] <= 24


@each_panel
def test_each_metric_of_the_board_is_declared(panel):
    for expression in expressions(panel):
        assert {PARTS.sub("", name) for name in metrics_in(expression)} <= list_declared()
        assert set(RECORDED.findall(expression)) <= {rule.get("record") for rule in rules()}


def test_each_metric_of_the_rules_is_declared():
    used = {PARTS.sub("", name) for rule in rules() for name in metrics_in(rule["expr"])}
    assert used - list_declared() == set()
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert {name for rule in rules() for name in RECORDED.findall(rule["expr"])} <= recorded
