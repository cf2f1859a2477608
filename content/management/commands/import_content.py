import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from content.importers import ImportReport, import_folder
from content.importers.wordpress import BadExport, fetcher, import_wordpress

Show = Callable[[ImportReport], None]


class Command(BaseCommand):
    help = (
        "Import a folder of Markdown with front matter, as Jekyll, Hugo, Zola and Eleventy keep it, "
        "or a WordPress export (.xml)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path)
        parser.add_argument(
            "--fetch-media",
            action="store_true",
            help="of a WordPress export: download its pictures and files; without it, they become links",
        )
        parser.add_argument(
            "--list",
            action="store_true",
            dest="listed",
            help="print each thing that the report counts: skipped files, missing images and links, template tags",
        )
        parser.add_argument("--json", action="store_true", help="print the report as JSON and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["path"]
        if not path.exists():
            raise CommandError(f"There is no {path}.", returncode=2)
        if not path.is_dir() and path.suffix.lower() != ".xml":
            raise CommandError(
                f"{path} is no folder: a folder of Markdown files can be imported, or a WordPress export (.xml).",
                returncode=2,
            )
        try:
            report = imported(path, fetch_media=options["fetch_media"], quiet=options["json"])
        except BadExport as error:
            raise CommandError(f"{path}: {error}", returncode=2) from error
        if options["json"]:
            data = report.as_data() | {"details": report.listed() if options["listed"] else {}}
            self.stdout.write(json.dumps(data, indent=2))
        else:
            self.summarise(report)
            if options["listed"]:
                self.list_details(report)
        if report.failures:
            raise CommandError(f"{len(report.failures)} of {report.files} files were not imported.", returncode=1)

    def list_details(self, report: ImportReport) -> None:
        for kind, names in report.listed().items():
            self.stdout.write(f"{kind}:")
            for name in names:
                self.stdout.write(f"  {name}")

    def summarise(self, report: ImportReport) -> None:
        for failure in report.failures:
            self.stderr.write(f"failed: {failure.path}: {failure.reason}")
        for warning in report.warnings:
            self.stderr.write(f"warning: {warning}")
        self.stdout.write(
            f"{report.created} created, {report.updated} updated, {report.unchanged} unchanged, "
            f"{len(report.failures)} failed; {report.media} media stored, {report.media_missing} images not there, "
            f"{report.converted.total()} template remnants converted, {report.dropped.total()} dropped, "
            f"{report.redirects} redirects; {report.comments} comments, {report.comments_left_out} left out."
        )
        for name, counts in report.tables.items():
            self.stdout.write(f"{name}: {counts}.")


def imported(path: Path, *, fetch_media: bool, quiet: bool) -> ImportReport:
    def run(show: Show) -> ImportReport:
        if path.is_dir():
            return import_folder(path, show)
        return import_wordpress(path, show, fetch=fetcher() if fetch_media else None)

    return run(lambda report: None) if quiet else with_progress(run)


def with_progress(run: Callable[[Show], ImportReport]) -> ImportReport:
    """Counts and rate while it runs: a bar on a terminal, nothing elsewhere."""
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
