from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from project.backups.aliases import settings_of
from project.backups.copying import copy_site
from project.backups.manifest import BadBackup


class Command(BaseCommand):
    help = (
        "Copy the site's database into an empty PostgreSQL, and compare every row by SHA-256. Stop the site first: "
        "what is written after the copy stays behind."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", metavar="URL", help="postgres://user:password@host:5432/name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rows, differences = copy_site(settings_of(options["url"]))
        except (BadBackup, ValueError) as error:
            raise CommandError(str(error)) from error
        if differences:
            lines = "\n".join(f"  {line}" for line in differences)
            raise CommandError(f"The copy differs; do not use it:\n{lines}")
        self.stdout.write(f"Copied and equal: {rows:,} rows. Set DATABASE_URL to the new database, and start.")
