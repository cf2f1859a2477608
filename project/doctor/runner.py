"""Runs checks beside one another, each for a bounded time: one that hangs costs the others nothing."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from project.doctor.finding import Check, Finding, error
from project.doctor.redaction import list_secrets, redact_finding

# Seconds for each check. All begin at once, so that this bounds the whole.
SECONDS = 10.0
LONGEST_REASON = 300


class Running:
    """A check in a thread of its own, which may outlive its time."""

    def __init__(self, category: str, check: Check) -> None:
        self.category = category
        self.name = check.__name__.replace("_", " ")
        self.check = check
        self.findings: list[Finding] = []
        self.thread = threading.Thread(target=self.run, name=f"doctor: {self.name}", daemon=True)
        self.thread.start()

    def run(self) -> None:
        try:
            self.findings += self.check()
        except Exception as failure:
            reason = f"{type(failure).__name__}: {' '.join(str(failure).split())}"[:LONGEST_REASON]
            self.findings.append(
                error(f"{self.name} could not finish ({reason}).", "What it checks is not known.", "Mend that first.")
            )

    def result(self, deadline: float, seconds: float) -> list[Finding]:
        self.thread.join(max(0.0, deadline - time.monotonic()))
        findings = list(self.findings)
        if self.thread.is_alive():
            findings.append(
                error(
                    f"{self.name} did not finish within {seconds:g} s.",
                    "Something that it asks hangs: a server, a network or a disk.",
                    "Check the servers that the other findings name, then run doctor again.",
                )
            )
        return [replace(finding, category=self.category) for finding in findings]


def run_checks(checks: Mapping[str, Sequence[Check]], seconds: float = SECONDS) -> Iterator[Finding]:
    """The findings of all checks, redacted, in the order of `checks`."""
    secrets = list_secrets()
    deadline = time.monotonic() + seconds
    running = [Running(category, check) for category, its_checks in checks.items() for check in its_checks]
    for each in running:
        for finding in each.result(deadline, seconds):
            yield redact_finding(finding, secrets)
