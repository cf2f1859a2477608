"""Files of an import, read within bounds."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from content.importers.errors import BadFile

LARGEST_FILE = 5_000_000
ENDINGS = {".md", ".markdown", ".mdown", ".mkd"}
SECTION_INDEXES = {"_index", "readme", "license", "contributing", "changelog"}
# Part of every source_hash: raise it when the same file would become another post.
IMPORTER_VERSION = b"1"


@dataclass(frozen=True)
class SourceFile:
    """A Markdown file below the root. `name` is its path with the root's own name, and stays its identity."""

    root: Path
    path: Path

    @property
    def name(self) -> str:
        return f"{self.root.name}/{self.path.relative_to(self.root).as_posix()}"

    @property
    def is_post(self) -> bool:
        """Not what introduces a section or the folder itself."""
        return self.path.stem.lower() not in SECTION_INDEXES

    def read(self) -> bytes:
        """Raises BadFile before it reads a file that is too large."""
        try:
            size = self.path.stat().st_size
            if size > LARGEST_FILE:
                raise BadFile(f"It has {size / 1e6:.1f} MB; {LARGEST_FILE / 1e6:.0f} MB is the most a post may have.")
            return self.path.read_bytes()
        except OSError as error:
            raise BadFile(f"It cannot be read: {error.strerror}.") from error


def decoded(content: bytes) -> str:
    """UTF-8 text with plain line ends."""
    if b"\x00" in content:
        raise BadFile("It is no text: it holds NUL bytes.")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise BadFile(f"It is not UTF-8: byte {error.start} is {content[error.start]:#04x}.") from error


def source_hash(content: bytes) -> str:
    return hashlib.sha256(IMPORTER_VERSION + content).hexdigest()


def markdown_files(root: Path) -> Iterator[SourceFile]:
    """All Markdown files below the root, in the order of their paths; hidden folders and links out are left out."""
    real_root = root.resolve()
    for path in sorted(root.rglob("*")):
        hidden = any(part.startswith(".") or part == "node_modules" for part in path.relative_to(root).parts)
        if hidden or path.suffix.lower() not in ENDINGS or not path.is_file():
            continue
        if path.resolve().is_relative_to(real_root):
            yield SourceFile(root, path)
