"""The folder of an export: it gets its name, and its manifest, only when it is complete."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from content.exporters.yaml import dump_yaml

MANIFEST = "evergreen.yaml"
VERSION = 1
NOTICE = """\
# An export of a site: all that its publisher owns, drafts, passwords of posts and readers' mail addresses included.
# Keep it private. `manage.py import_content` with the name of this folder takes it back.
"""


class CannotExport(Exception):
    """The folder cannot become an export. The message gives the reason, and what to do."""


@contextmanager
def new_folder(folder: Path, *, force: bool) -> Iterator[Path]:
    """A temporary folder beside `folder`, readable by its owner alone, renamed when the block ends without an error.

    With `force` it replaces an existing export or an empty folder, and never anything else. Raises CannotExport.
    """
    folder = folder.absolute()
    check_folder(folder, force)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{folder.name[:100]}.", suffix=".partial", dir=folder.parent))
    except OSError as error:
        raise CannotExport(f"{folder} cannot be written: {error.strerror}.") from error
    try:
        yield place
        # On the disk before it is renamed, or a power cut could leave empty files in a folder that looks complete.
        os.sync()
        replace_folder(place, folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def check_folder(folder: Path, force: bool) -> None:
    """Raises CannotExport if something exists that may not be replaced."""
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise CannotExport(f"{folder} is no folder.")
    if not force:
        raise CannotExport(f"{folder} exists already. Name another folder, or replace it with --force.")
    if any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise CannotExport(f"{folder} is no export, and is not replaced. Name another folder, or empty it yourself.")


def replace_folder(place: Path, folder: Path) -> None:
    """Rename `place` to `folder`, and remove the old one. For a moment in between there is neither."""
    if not folder.exists():
        place.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name[:100]}.", suffix=".old", dir=folder.parent))
    folder.rename(old / folder.name)
    try:
        place.rename(folder)
    except OSError:
        (old / folder.name).rename(folder)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def write_manifest(place: Path, counts: Mapping[str, int], now: datetime) -> None:
    """The file that makes a folder an export: written last, read first."""
    values = {"evergreen": VERSION, "exported_at": now, "counts": dict(counts)}
    (place / MANIFEST).write_text(NOTICE + dump_yaml(values), encoding="utf-8")
