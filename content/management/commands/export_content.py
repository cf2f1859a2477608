import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from content.exporters import CannotExport, export_content


class Command(BaseCommand):
    help = "Write all content of the site into a folder that import_content reads. Keep it private."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--force", action="store_true", help="replace an existing export")
        parser.add_argument("--json", action="store_true", help="print the report as JSON and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = export_content(options["folder"], force=options["force"])
        except CannotExport as error:
            raise CommandError(str(error), returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.as_data(), indent=2))
            return
        for warning in report.warnings:
            self.stderr.write(f"warning: {warning}")
        self.stdout.write(
            f"Exported {report.summary()} to {options['folder']}. It contains drafts, passwords of posts and mail "
            "addresses: keep it private."
        )
