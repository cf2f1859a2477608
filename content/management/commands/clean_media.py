from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from content.services.media import clean_stored_images


class Command(BaseCommand):
    help = (
        "Remove metadata (the place where a photo was taken, its camera, comments) from images stored by earlier "
        "releases. Their addresses stay. New images are cleaned when they are stored."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="name images with metadata, and write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run = options["dry_run"]
        root = Path(settings.MEDIA_ROOT)
        changed = clean = others = failed = 0
        for file in clean_stored_images(root, dry_run=dry_run):
            if file.failure:
                failed += 1
                self.stderr.write(f"failed: {file.name}: {file.failure}")
            elif not file.is_image:
                others += 1
            elif file.is_changed:
                changed += 1
                if dry_run or options["verbosity"] > 1:
                    self.stdout.write(f"{'has metadata' if dry_run else 'cleaned'}: {file.name}")
            else:
                clean += 1
        verb = "to clean" if dry_run else "cleaned"
        self.stdout.write(
            f"Images: {changed} {verb}, {clean} clean already, {failed} failed. Files of other kinds: {others}."
        )
        if changed and not dry_run:
            self.stdout.write("Browsers and CDNs may show the old files for a day: purge /media/ at your CDN.")
        if failed:
            raise CommandError(f"Files below {root} that were not cleaned: {failed}.", returncode=1)
