import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from content.importers import BadFile, ImportReport, import_folder
from content.importers.detector import Format, detect_format
from content.importers.import_lock import ImportLocked, import_lock
from content.importers.report import to_json_value
from content.importers.wordpress import BadExport, Fetcher, import_wordpress

Show = Callable[[ImportReport], None]


class Command(BaseCommand):
    help = (
        "Import a folder of Markdown with front matter, as Jekyll, Hugo, Zola and Eleventy use it, "
        "a WordPress export (.xml), or an export of this service."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path)
        parser.add_argument(
            "--fetch-media",
            action="store_true",
            help="of a WordPress export: download its pictures and files, which become links otherwise",
        )
        parser.add_argument(
            "--list",
            action="store_true",
            dest="listed",
            help="print each thing that the report counts: skipped files, missing images and links, template tags",
        )
        parser.add_argument(
            "--source",
            default="",
            help="of a folder: the name of its source, if the folder was moved or renamed",
        )
        parser.add_argument(
            "--wait",
            type=float,
            default=60,
            metavar="SECONDS",
            help="how long to wait for another import that is running (60)",
        )
        parser.add_argument(
            "--overwrite",
            action="store_true",
            help="overwrite posts that were edited here since their import",
        )
        parser.add_argument("--json", action="store_true", help="print the report as JSON and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.run(options["path"], options)
        except CommandError as error:
            if options["json"] and error.returncode == 2:
                self.stdout.write(json.dumps(to_json_value({"error": str(error)}), indent=2))
            raise

    def run(self, path: Path, options: dict[str, Any]) -> None:
        if not path.exists():
            raise CommandError(f"There is no {path}.", returncode=2)
        try:
            file_format = detect_format(path)
            with import_lock(options["wait"], self.stderr.write):
                report = run_import(path, file_format, options)
        except (BadExport, BadFile) as error:
            raise CommandError(f"{path}: {error}", returncode=2) from error
        except (OperationalError, ProgrammingError) as error:
            reason = " ".join(str(error).split())
            if is_missing_table(reason):
                raise CommandError(
                    f"The database lacks tables ({reason}). Nothing was imported. Run: manage.py migrate",
                    returncode=2,
                ) from error
            if isinstance(error, ProgrammingError):
                raise
            raise CommandError(
                f"The database failed: {reason}. What was written stays. Run the import again.", returncode=2
            ) from error
        except ImportLocked as error:
            raise CommandError(str(error), returncode=2) from error
        if options["json"]:
            data = report.as_data()
            if options["listed"]:
                data["details"] = report.list_details()
            self.stdout.write(json.dumps(data, indent=2, allow_nan=False))
        else:
            self.print_summary(report)
            if options["listed"]:
                self.print_details(report)
        if report.failures:
            raise CommandError(f"{len(report.failures)} of {report.files} files were not imported.", returncode=1)

    def print_details(self, report: ImportReport) -> None:
        for kind, names in report.list_details().items():
            self.stdout.write(f"{kind}:")
            for name in names:
                self.stdout.write(f"  {name}")

    def print_summary(self, report: ImportReport) -> None:
        for failure in report.failures:
            self.stderr.write(f"failed: {failure.path}: {failure.reason}")
        for withheld in report.withheld:
            self.stderr.write(f"withheld: {withheld.path}: {withheld.reason}")
        for left in report.left_alone:
            self.stderr.write(f"left alone: {left.path}: {left.reason}")
        for warning in report.warnings:
            self.stderr.write(f"warning: {warning}")
        self.stdout.write(
            f"{report.created} created, {report.updated} updated, {report.unchanged} unchanged, "
            f"{len(report.failures)} failed; {len(report.withheld)} withheld, "
            f"{len(report.left_alone)} edited here and left alone. "
            f"Media: {report.media} stored, {report.media_missing} missing. "
            f"Template tags: {report.converted.total()} converted, {report.dropped.total()} dropped. "
            f"Redirects: {report.redirects}. Comments: {report.comments}, and {report.comments_left_out} left out."
        )
        for name, counts in report.tables.items():
            self.stdout.write(f"{name}: {counts}.")


def is_missing_table(reason: str) -> bool:
    """Whether SQLite or PostgreSQL misses a table or a column that a migration adds."""
    return "no such table" in reason or "no such column" in reason or "does not exist" in reason


def run_import(path: Path, file_format: Format, options: dict[str, Any]) -> ImportReport:
    overwrite = options["overwrite"]

    def run(show: Show) -> ImportReport:
        if file_format is Format.WORDPRESS:
            fetch = Fetcher() if options["fetch_media"] else None
            return import_wordpress(path, show, fetch=fetch, overwrite=overwrite)
        return import_folder(path, show, source=options["source"], overwrite=overwrite)

    return run(lambda report: None) if options["json"] else with_progress(run)


def with_progress(run: Callable[[Show], ImportReport]) -> ImportReport:
    """Run with a progress bar, if the output is a terminal."""
    columns = (
        TextColumn("Importing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}/s"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not Console(stderr=True).is_terminal) as bar:
        task = bar.add_task("import", total=None, rate="-")

        def show(report: ImportReport) -> None:
            elapsed = bar.tasks[0].elapsed or 0
            rate = f"{report.done / elapsed:.0f}" if elapsed else "-"
            bar.update(task, total=report.files, completed=report.done, rate=rate)

        return run(show)
