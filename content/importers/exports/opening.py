"""Files of an export, none of them outside of it."""

from pathlib import Path

from content.importers.errors import BadFile


def file_inside(root: Path, name: str) -> Path | None:
    """The plain file of that name below the root, None where there is none; links are followed no way out.

    Raises BadFile for a name that leads elsewhere.
    """
    path = root / name
    try:
        real = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle; ValueError: NUL
        raise BadFile(f"{name!r} is no name of a file.") from error
    if not real.is_relative_to(root.resolve()):
        raise BadFile(f"{name} leads out of the export.")
    return real if real.is_file() else None


def read_bounded(path: Path, most: int) -> bytes:
    """Raises BadFile past `most` bytes, and for what cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise BadFile(f"It cannot be read: {error.strerror}.") from error
    if len(content) > most:
        raise BadFile(f"It has more than {most / 1e6:.0f} MB.")
    return content
