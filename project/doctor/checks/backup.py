"""The age of the newest backup, by its manifest."""

import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from project.backups.folder import find_backups
from project.backups.manifest import BadBackup, read_manifest
from project.doctor.finding import Finding, error, ok, warning

HOUR = 3600
OLD, TOO_OLD = 26 * HOUR, 7 * 24 * HOUR
DO = "Run `manage.py backup FOLDER` each day; docs/backups.md has a timer."


def check_backups() -> Iterator[Finding]:
    if not settings.BACKUPS_DIR:
        yield warning(
            "EVERGREEN_BACKUPS_DIR is empty, so that no backup is known here.", "A lost disk loses the site.", DO
        )
        return
    folder = Path(settings.BACKUPS_DIR)
    backups = find_backups(folder)
    if not backups:
        yield error(f"There is no backup in {folder}.", "A lost disk loses the site.", DO)
        return
    try:
        manifest = read_manifest(backups[-1])
    except BadBackup as failure:
        yield error(f"The newest backup is broken: {failure}", "It cannot be restored.", DO)
        return
    age = time.time() - manifest.at
    if age > OLD:
        make = error if age > TOO_OLD else warning
        yield make(f"The newest backup is {age / HOUR:,.0f} hours old.", "What was written since can be lost.", DO)
    else:
        yield ok(f"The newest backup, {backups[-1].name}, is {age / HOUR:.1f} hours old.")
