from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from project.backups.folder import remove_old
from project.backups.making import make_backup
from project.backups.manifest import BadBackup, read_manifest


class Command(BaseCommand):
    help = (
        "Back up the database and the media into a new folder below FOLDER, while the site runs. Secrets are left "
        "out unless you ask for them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="FOLDER", type=Path)
        parser.add_argument("--secrets", action="store_true", help="also .env and the secret key, mode 0600")
        parser.add_argument("--keep", type=int, metavar="N", help="remove all but the newest N backups afterwards")

    def handle(self, *args: Any, **options: Any) -> None:
        keep = options["keep"]
        if keep is not None and keep < 1:
            raise CommandError("--keep keeps at least 1.")
        try:
            made = make_backup(options["folder"], with_secrets=options["secrets"])
            manifest = read_manifest(made)
        except BadBackup as error:
            raise CommandError(str(error)) from error
        size = sum(stored.bytes for stored in manifest.files.values())
        rows = sum(table.rows for table in manifest.tables.values())
        self.stdout.write(
            f"{made}: {rows:,} rows in {len(manifest.tables)} tables, {len(manifest.files):,} files, {size:,} bytes."
        )
        for old in remove_old(options["folder"], keep) if keep else []:
            self.stdout.write(f"Removed {old.name}.")
