from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from project.clean_up import clean_up

SECONDS = 600.0


class Command(BaseCommand):
    help = (
        "Remove what is over: expired sessions, the admin's history of more than two years, old runs, purges and "
        "requests, relayed changes, halves of files. Run it each day."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count what would be removed, and remove nothing")
        parser.add_argument(
            "--media", action="store_true", help="also media files without a row that no text of the site names"
        )
        parser.add_argument("--seconds", type=float, default=SECONDS, metavar="N", help="that it takes, about")

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run = options["dry_run"]
        for removed in clean_up(seconds=options["seconds"], with_media=options["media"], dry_run=dry_run):
            if removed.count or not removed.is_whole or options["verbosity"] > 1:
                verb = "would remove" if dry_run else "removed"
                rest = "" if removed.is_whole else "; the next run removes more"
                self.stdout.write(f"{verb} {removed.count:,} {removed.what}{rest}")
