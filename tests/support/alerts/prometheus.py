"""A Prometheus of the tests' own, with the rules of deploy/prometheus and shorter times."""

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.alerts.rules import FOLDER, groups
from tests.support.servers.process import binary, free_port, stop
from tests.support.wait import wait_until

# Between two scrapes, and between two evaluations.
INTERVAL = "2s"
# How long a condition must hold, and the window of each rate.
FOR, WINDOW = "5s", "15s"
_WINDOW = re.compile(r"\[\d+[mh]\]")


@dataclass
class Prometheus:
    port: int
    process: subprocess.Popen[bytes]

    def get(self, path: str, **parameters: str) -> Any:
        response = httpx.get(f"http://127.0.0.1:{self.port}/api/v1/{path}", params=parameters, timeout=10)
        response.raise_for_status()
        return response.json()["data"]

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/-/ready", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def alerts(self) -> list[dict[str, Any]]:
        """Those that fire now, with their annotations."""
        return [alert for alert in self.get("alerts")["alerts"] if alert["state"] == "firing"]

    def names(self, *states: str) -> set[str]:
        """The names of alerts in one of these states: firing, pending."""
        alerts = self.get("alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] in states}

    def value(self, expression: str) -> float | None:
        """The first value of an expression now."""
        result = self.get("query", query=expression)["result"]
        return float(result[0]["value"][1]) if result else None

    def unhealthy_rules(self) -> list[str]:
        """Rules that could not be evaluated, with the error."""
        rules = [rule for group in self.get("rules")["groups"] for rule in group["rules"]]
        return [f"{rule['name']}: {rule['lastError']}" for rule in rules if rule["health"] == "err"]


def shorten_rules(replacements: Mapping[str, str]) -> dict[str, Any]:
    """The rules with short times. `replacements`: thresholds of expressions, each of which must be there."""
    short, unused = groups(), set(replacements)
    for group in short:
        group["interval"] = INTERVAL
        for rule in group["rules"]:
            rule["expr"] = _WINDOW.sub(f"[{WINDOW}]", rule["expr"])
            unused -= {old for old in unused if old in rule["expr"]}
            for old, new in replacements.items():
                rule["expr"] = rule["expr"].replace(old, new)
            if "alert" in rule:
                rule["for"] = FOR
    assert unused == set()
    return {"groups": short}


@contextmanager
def running_prometheus(targets: Sequence[str], replacements: Mapping[str, str]) -> Iterator[Prometheus]:
    """It scrapes these (host:port), as the example of deploy/prometheus does."""
    program, port = binary("prometheus"), free_port()
    with tempfile.TemporaryDirectory(prefix="prometheus-") as name:
        folder = Path(name)
        config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL, "evaluation_interval": INTERVAL}
        config["scrape_configs"][0]["static_configs"] = [{"targets": list(targets)}]
        del config["alerting"]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        (folder / "rules.yml").write_text(yaml.safe_dump(shorten_rules(replacements)))
        command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        prometheus = Prometheus(port, process)
        try:
            wait_until(lambda: prometheus.is_ready() or process.poll() is not None, "Prometheus is ready")
            assert process.poll() is None, (folder / "log").read_text()
            yield prometheus
        finally:
            stop(process)
