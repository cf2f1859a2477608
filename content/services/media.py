"""Cleaning of images that were stored before the site cleaned uploads."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from django.db import IntegrityError, transaction

from content.images import LARGEST_IMAGE, BadImage, CleanImage, clean_file
from content.models import MediaFile

BATCH = 200
# A new file is written under this suffix and renamed: readers get the old file or the new one, never a part.
UNFINISHED = ".cleaned"


@dataclass(frozen=True)
class StoredFile:
    """The result for one file; `name` is its path below the root, `failure` the reason why it was not cleaned."""

    name: str
    is_image: bool = True
    is_changed: bool = False
    failure: str = ""


def clean_stored_images(root: Path, *, dry_run: bool = False) -> Iterator[StoredFile]:
    """Clean each image below `root`, with or without a row: all of them are served.

    Names stay. Rows get the new hash and size. One image is in memory at a time. With `dry_run` nothing is written.
    A second run changes nothing, and continues an interrupted one.
    """
    files = find_files(root)
    while paths := list(islice(files, BATCH)):
        names = {path.relative_to(root).as_posix(): path for path in paths}
        rows: dict[str, list[MediaFile]] = {}
        for media in MediaFile.objects.filter(file__in=list(names)):
            rows.setdefault(media.file.name or "", []).append(media)
        for name, path in names.items():
            try:
                yield clean_one(name, path, rows.get(name, []), dry_run=dry_run)
            except BadImage as error:
                yield StoredFile(name, failure=f"{error} It stays as it is, with its metadata.")
            except OSError as error:
                yield StoredFile(name, failure=f"It cannot be read or written: {error.strerror}.")


def find_files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders.sort()
        yield from (Path(folder, name) for name in sorted(files) if not name.endswith(UNFINISHED))


def clean_one(name: str, path: Path, rows: list[MediaFile], *, dry_run: bool) -> StoredFile:
    """Raises BadImage, OSError."""
    if path.is_symlink():
        return StoredFile(name, failure="It is a link: clean the file that it leads to.")
    with path.open("rb") as file:
        # read() allocates as many bytes as it is asked for.
        content = file.read(min(os.fstat(file.fileno()).st_size, LARGEST_IMAGE) + 1)
    image = clean_file(name, content)
    if image is None:
        return StoredFile(name, is_image=False)
    is_changed = image.content != content
    if not dry_run:
        if is_changed:
            replace_file(path, image.content)
        for media in rows:
            update_row(media, image)
    return StoredFile(name, is_changed=is_changed)


def replace_file(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name[:200]}{UNFINISHED}")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    shutil.copymode(path, unfinished)
    unfinished.replace(path)


def update_row(media: MediaFile, image: CleanImage) -> None:
    """Update the row, unless it has another file now. The hash stays if another row has the same bytes."""
    digest = hashlib.sha256(image.content).hexdigest()
    values = {"sha256": digest, "width": image.width, "height": image.height}
    if MediaFile.objects.exclude(pk=media.pk).filter(sha256=digest).exists():
        del values["sha256"]
    if all(getattr(media, name) == value for name, value in values.items()):
        return
    try:
        with transaction.atomic():
            row = MediaFile.objects.select_for_update().filter(pk=media.pk, file=media.file.name).first()
            if row is not None:
                for name, value in values.items():
                    setattr(row, name, value)
                row.save(update_fields=list(values))
    except IntegrityError:
        # The same image was uploaded since: the next run finds it.
        return
