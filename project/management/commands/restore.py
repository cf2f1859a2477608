from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from project.backups.aliases import settings_of
from project.backups.manifest import BadBackup
from project.backups.restoring import check_backup, invalidate_everything, restore_database, restore_media

NEXT = """Restored. To switch the site to it:
  1. Stop web, workers and beat.
  2. Set DATABASE_URL{media} to what you restored.
  3. Run `manage.py doctor`, then start everything. Cached pages of the later state end within a second
     after the first worker starts; `manage.py relay_changes` ends them before."""


class Command(BaseCommand):
    help = "Restore a backup into an empty database, and its media into an empty folder."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("backup", metavar="BACKUP", type=Path, help="the folder that `manage.py backup` made")
        parser.add_argument("--database", metavar="URL", required=True, help="an empty database, or a new file")
        parser.add_argument("--media", metavar="FOLDER", type=Path, help="an empty folder; without it no media")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            database = settings_of(options["database"])
            manifest = check_backup(options["backup"])
            differences = restore_database(options["backup"], manifest, database)
            if options["media"]:
                differences += restore_media(options["backup"], manifest, options["media"])
            invalidate_everything(database)
        except (BadBackup, ValueError) as error:
            raise CommandError(str(error)) from error
        if differences:
            lines = "\n".join(f"  {line}" for line in differences)
            raise CommandError(f"The restored site differs from the backup:\n{lines}")
        self.stdout.write(NEXT.format(media=" and EVERGREEN_MEDIA_ROOT" if options["media"] else ""))
