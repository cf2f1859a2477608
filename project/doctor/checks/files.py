"""Disks, collected static files, and media."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError

from project.doctor.checks.database import UNREACHABLE
from project.doctor.finding import Finding, error, ok, skipped, warning
from project.doctor.read_only import missing_file, read_only_connection

GIGABYTE = 1024**3
# Bytes that are free at least.
LOW, TOO_LOW = 2 * GIGABYTE, GIGABYTE // 5
# Share of inodes that are free at least.
LOW_INODES = 0.05
# Files that are looked up: the newest.
MOST_MEDIA = 1000


def check_disks() -> Iterator[Finding]:
    """The space below each folder that the site writes to, one finding a file system."""
    folders = [settings.STATE_DIR, Path(settings.MEDIA_ROOT), Path(settings.STATIC_ROOT)]
    seen = set[int]()
    for folder in [*folders, Path(settings.BACKUPS_DIR or settings.STATE_DIR)]:
        place = existing_parent(folder)
        device = place.stat().st_dev
        if device not in seen:
            seen.add(device)
            yield check_disk(place)


def existing_parent(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def check_disk(place: Path) -> Finding:
    free, status = shutil.disk_usage(place).free, os.statvfs(place)
    if status.f_files and status.f_favail < status.f_files * LOW_INODES:
        return warning(f"{place} has {status.f_favail:,} inodes left.", "Soon no file can be made.", "Delete files.")
    if free < LOW:
        make = error if free < TOO_LOW else warning
        return make(
            f"{place} has {free / GIGABYTE:.1f} GB left.",
            "A full disk stops writes of the database, uploads and backups.",
            "Free some space, or move the folder to a larger disk.",
        )
    return ok(f"{place} has {free / GIGABYTE:.0f} GB left.")


def check_static() -> Iterator[Finding]:
    """Each file that the manifest names is there."""
    if settings.DEBUG:
        yield skipped("With DEBUG, static files come from their source folders.")
        return
    root = Path(settings.STATIC_ROOT)
    try:
        names = json.loads((root / "staticfiles.json").read_bytes())["paths"].values()
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        yield error(
            f"Static files are not collected in {root}.", "No page can be rendered.", "Run `manage.py prepare`."
        )
        return
    missing = [name for name in names if not (root / name).is_file()]
    if missing:
        yield error(
            f"{len(missing)} of {len(names)} static files are missing in {root}, such as {missing[0]}.",
            "Pages have no style, script or picture.",
            "Run `manage.py collectstatic --noinput`.",
        )
    else:
        yield ok(f"All {len(names)} static files are collected.")


def check_media() -> Iterator[Finding]:
    """The folder can be written, and the newest files that rows name are there."""
    root = Path(settings.MEDIA_ROOT)
    place = existing_parent(root)
    if not os.access(place, os.W_OK | os.X_OK):
        yield error(f"{place} cannot be written by this user.", "Uploads fail.", "Change its owner or its mode.")
    if missing_file():
        yield skipped(UNREACHABLE)
        return
    try:
        with read_only_connection() as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT file FROM content_mediafile ORDER BY id DESC LIMIT {MOST_MEDIA}")  # noqa: S608
            names = [name for (name,) in cursor.fetchall()]
    except DatabaseError:
        yield skipped(UNREACHABLE)
        return
    missing = [name for name in names if not (root / name).is_file()]
    if missing:
        yield error(
            f"{len(missing)} of the {len(names)} newest media files are missing in {root}, such as {missing[0]}.",
            "Readers see broken pictures.",
            "Restore them from a backup, or correct EVERGREEN_MEDIA_ROOT.",
        )
    else:
        yield ok(f"The {len(names)} newest media files are in {root}.")
