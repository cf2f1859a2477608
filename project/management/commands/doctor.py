import json
import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from project.doctor.checks import CHECKS
from project.doctor.finding import Finding, Status
from project.doctor.runner import SECONDS, run_checks


class Command(BaseCommand):
    help = (
        "Check this installation. It only reads, and prints no secret. Exit status: 0 if all is well, 1 with "
        "warnings, 2 with errors. Run it before each upgrade."
    )
    # The checks of settings are among the others.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--category", action="append", choices=list(CHECKS), help="only this one; repeatable")
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument(
            "--seconds", type=float, default=SECONDS, metavar="N", help="for each check; all run beside one another"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = options["category"] or CHECKS
        findings = list(run_checks({name: CHECKS[name] for name in CHECKS if name in chosen}, options["seconds"]))
        worst = max([Status.OK, *(finding.status for finding in findings)])
        if options["json"]:
            rows = [asdict(finding) | {"status": finding.status.name.lower()} for finding in findings]
            self.stdout.write(json.dumps({"status": worst.name.lower(), "findings": rows}, indent=2))
        else:
            self.print_findings(findings)
        self.stdout.flush()
        if worst > Status.OK:
            sys.exit(int(worst))

    def print_findings(self, findings: list[Finding]) -> None:
        for finding in findings:
            self.stdout.write(f"{finding.status.name.lower():8}{finding.category}: {finding.what}")
            for label, text in (("means", finding.means), ("do", finding.do)):
                if text:
                    self.stdout.write(f"{'':8}{label}: {text}")
        counts = Counter(finding.status for finding in findings)
        named = (
            f"{counts[Status.ERROR]} errors",
            f"{counts[Status.WARNING]} warnings",
            f"{counts[Status.OK]} well",
            f"{counts[Status.SKIPPED]} skipped",
        )
        self.stdout.write(", ".join(named) + ".")
