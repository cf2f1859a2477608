"""Files of an import, read within bounds and never from outside of its folder."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from content.importers import jekyll
from content.importers.report import BadFile

LARGEST_FILE = 5_000_000
LARGEST_SETTINGS = 1_000_000
LONGEST_NAME = 500
MARKDOWN_SUFFIXES = {".md", ".markdown", ".mdown", ".mkd"}
NOT_POSTS = {"_index", "readme", "license", "contributing", "changelog", "code_of_conduct", "security"}
PAGE_FOLDERS = {"pages", "_pages"}
# Part of every source hash: raise it when the same file would become another post.
IMPORTER_VERSION = b"3"
# Hashes of these versions are in databases; they identify a folder that was moved.
OLD_VERSIONS = (b"2",)


@dataclass(frozen=True)
class SourceFile:
    """A Markdown file below the root. `name` is its path after the name of its source; it identifies the post."""

    root: Path
    path: Path
    has_sections: bool = False
    has_siblings: bool = False
    source: str = ""

    @property
    def name(self) -> str:
        return self.name_in(self.source or self.root.name)

    def name_in(self, source: str) -> str:
        return escape_name(f"{source}/{self.path.relative_to(self.root).as_posix()}")

    @property
    def stem(self) -> str:
        """The name of the file, or of the folder of a Hugo bundle."""
        name = self.path.parent.name if self.is_index else self.path.stem
        return name.encode(errors="replace").decode()

    @property
    def is_index(self) -> bool:
        return self.path.stem.lower() == "index"

    @property
    def is_post(self) -> bool:
        """False for the index of a section, which has posts beside it, and of the root."""
        if self.is_index:
            return self.path.parent != self.root and not self.has_siblings
        return self.path.stem.lower() not in NOT_POSTS

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders from the root down to the post, without a bundle's own."""
        return self.path.relative_to(self.root).parts[: -2 if self.is_index else -1]

    def withholding_reason(self, file_date: datetime | None) -> str:
        """The reason in its name or folders for which Jekyll does not publish it, or an empty text."""
        return jekyll.withholding_reason(self.path.name, self.folders, has_date=file_date is not None)

    @property
    def is_in_pages(self) -> bool:
        return bool(self.folders) and self.folders[0] in PAGE_FOLDERS

    @property
    def is_beside_sections(self) -> bool:
        return self.has_sections and not self.folders

    def read(self) -> bytes:
        """Raises BadFile. A file that is too large is not read."""
        if len(self.name) > LONGEST_NAME:
            raise BadFile(f"Its path has {len(self.name)} characters; {LONGEST_NAME} is the most.")
        return read_bounded(self.path, LARGEST_FILE)


def decode_text(content: bytes) -> str:
    """UTF-8 text with plain line ends. Raises BadFile."""
    if b"\x00" in content:
        raise BadFile("It is no text: it holds NUL bytes.")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise BadFile(f"It is not UTF-8: byte {error.start} is {content[error.start]:#04x}.") from error


def hash_source(content: bytes, other_input: str = "", *, version: bytes = IMPORTER_VERSION) -> str:
    """The hash of all input of a post: its own bytes, and values from other files and the clock."""
    return hashlib.sha256(version + content + other_input.encode(errors="backslashreplace")).hexdigest()


def find_markdown_files(root: Path) -> Iterator[SourceFile]:
    """All Markdown files below the root, in the order of their paths. Links out of the root are ignored."""
    root = root.resolve()
    paths = sorted(path for path in walk(root) if path.suffix.lower() in MARKDOWN_SUFFIXES)
    files = [path for path in paths if path.is_file() and path.resolve().is_relative_to(root)]
    files_of_folder = Counter(path.parent for path in files)
    has_sections = any(path.stem == "_index" or path.parent.name in jekyll.POST_FOLDERS for path in files)
    for path in files:
        yield SourceFile(root, path, has_sections=has_sections, has_siblings=files_of_folder[path.parent] > 1)


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, without hidden ones and without skipped folders."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_skipped_folder(name)]
        yield from (Path(parent, name) for name in files if not name.startswith("."))


def is_skipped_folder(name: str) -> bool:
    is_special = name.startswith((".", "_")) and name not in {*jekyll.POST_FOLDERS, "_pages"}
    return is_special or name == "node_modules"


def find_withheld_folders(root: Path) -> Iterator[str]:
    """Folders with Markdown that are skipped for their underscore, without a generator's own, such as `_site`."""
    root = root.resolve()
    for parent, folders, _ in os.walk(root):
        for name in sorted(folders):
            folder = Path(parent, name)
            is_withheld = name.startswith("_") and is_skipped_folder(name) and name not in jekyll.OWN_FOLDERS
            if is_withheld and has_markdown(folder):
                yield escape_name(folder.relative_to(root).as_posix())
        folders[:] = [name for name in folders if not is_skipped_folder(name)]


def has_markdown(folder: Path) -> bool:
    return any(Path(name).suffix.lower() in MARKDOWN_SUFFIXES for _, _, names in os.walk(folder) for name in names)


def escape_name(name: str) -> str:
    """The name with bytes that are not UTF-8 written as escapes."""
    return name.encode(errors="backslashreplace").decode()


def find_file_inside(root: Path, name: str | Path) -> Path | None:
    """The regular file of that name below the root, or None. Raises BadFile for a name that leads out of the root."""
    path = root / name
    try:
        real = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle; ValueError: NUL
        raise BadFile(f"{name!r} is no name of a file.") from error
    if not real.is_relative_to(root.resolve()):
        raise BadFile(f"{name} leads out of the export.")
    return real if real.is_file() else None


def read_bounded(path: Path, most: int) -> bytes:
    """Raises BadFile for a file of more than `most` bytes, and for one that cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise BadFile(f"It cannot be read: {error.strerror}.") from error
    if len(content) > most:
        raise BadFile(f"It has more than {most / 1e6:.0f} MB, which is too large.")
    return content


def read_settings(root: Path, name: str | Path) -> bytes:
    """Empty for a file that does not exist, cannot be read, leads out of the root, or is too large."""
    try:
        path = find_file_inside(root, name)
        return read_bounded(path, LARGEST_SETTINGS) if path else b""
    except (BadFile, OSError):
        return b""
