"""A folder that has its name only once it is whole."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from content.exporters.errors import CannotExport
from content.exporters.manifest import MANIFEST


@contextmanager
def whole_or_not_at_all(folder: Path, *, force: bool) -> Iterator[Path]:
    """A new folder beside it, for its owner alone, that takes its name when the block ends well.

    With `force` an export that is there, or an empty folder, gives way; anything else never does. Raises
    CannotExport.
    """
    folder = folder.absolute()
    check(folder, force)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{folder.name[:100]}.", suffix=".partial", dir=folder.parent))
    except OSError as error:
        raise CannotExport(f"{folder} cannot be written: {error.strerror}.") from error
    try:
        yield place
        # On the disk before it has its name, or a power cut could leave empty files in a folder that looks whole.
        os.sync()
        take_name(place, folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def check(folder: Path, force: bool) -> None:
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise CannotExport(f"{folder} is no folder.")
    if not force:
        raise CannotExport(f"{folder} is there already: name another folder, or replace it with --force.")
    if any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise CannotExport(f"{folder} is no export, and is not replaced: name another folder, or empty it yourself.")


def take_name(place: Path, folder: Path) -> None:
    """What had the name goes when the new one has it; for a moment in between there is neither."""
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
