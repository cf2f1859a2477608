from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from project.backups.aliases import settings_of
from project.backups.drill import run_drill
from project.backups.manifest import BadBackup


class Command(BaseCommand):
    help = (
        "Restore a backup into a new database and a new folder, compare all rows and files with the manifest, and "
        "remove both. The site's own database is not touched."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("backup", metavar="BACKUP", type=Path, help="the folder that `manage.py backup` made")
        parser.add_argument(
            "--server", metavar="URL", help="a PostgreSQL for the new database; by default the one of DATABASE_URL"
        )
        parser.add_argument("--folder", metavar="FOLDER", type=Path, help="where to restore files; by default /tmp")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            server = settings_of(options["server"]) if options["server"] else {**settings.DATABASES["default"]}
            drill = run_drill(options["backup"], server, options["folder"])
        except (BadBackup, ValueError) as error:
            raise CommandError(str(error)) from error
        if drill.differences:
            lines = "\n".join(f"  {line}" for line in drill.differences)
            raise CommandError(f"The restored site differs from the backup:\n{lines}")
        self.stdout.write(
            f"Restored and equal: {drill.rows:,} rows in {len(drill.manifest.tables)} tables by SHA-256, "
            f"{drill.sessions:,} sessions among them, {len(drill.manifest.migrations)} migrations, "
            f"{drill.media:,} media files. It took {drill.seconds / 60:.1f} minutes. All of it was removed again."
        )
