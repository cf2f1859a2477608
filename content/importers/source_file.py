"""Files of an import, read within bounds."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from content.importers.errors import BadFile

LARGEST_FILE = 5_000_000
LONGEST_NAME = 500
ENDINGS = {".md", ".markdown", ".mdown", ".mkd"}
NO_POSTS = {"_index", "readme", "license", "contributing", "changelog", "code_of_conduct", "security"}
JEKYLL_POSTS = {"_posts", "_drafts"}
OF_GENERATORS = {"_site", "_includes", "_layouts", "_data", "_sass", "_plugins", "_dist"}
# Jekyll publishes no file whose name begins with one of these.
UNSEEN = ("_", "#", "~")
# Part of every source_hash: raise it when the same file would become another post.
IMPORTER_VERSION = b"3"
# Hashes of these versions stand in databases: they tell a folder that was moved from another one.
OLD_VERSIONS = (b"2",)


@dataclass(frozen=True)
class SourceFile:
    """A Markdown file below the root. `name` is its path with its source's name, and stays its identity."""

    root: Path
    path: Path
    has_sections: bool = False
    has_siblings: bool = False
    source: str = ""

    @property
    def name(self) -> str:
        return self.named(self.source or self.root.name)

    def named(self, source: str) -> str:
        return text_of(f"{source}/{self.path.relative_to(self.root).as_posix()}")

    @property
    def stem(self) -> str:
        """The name that its post has: a bundle's is its folder's."""
        name = self.path.parent.name if self.is_index else self.path.stem
        return name.encode(errors="replace").decode()

    @property
    def is_index(self) -> bool:
        return self.path.stem.lower() == "index"

    @property
    def is_post(self) -> bool:
        """Not what introduces a section, with its posts beside it, nor the folder itself."""
        if self.is_index:
            return self.path.parent != self.root and not self.has_siblings
        return self.path.stem.lower() not in NO_POSTS

    @property
    def folders(self) -> tuple[str, ...]:
        """From the root down to its post: a bundle's own folder is no folder of posts."""
        return self.path.relative_to(self.root).parts[: -2 if self.is_index else -1]

    @property
    def is_jekyll(self) -> bool:
        return not JEKYLL_POSTS.isdisjoint(self.folders)

    @property
    def is_in_drafts(self) -> bool:
        return "_drafts" in self.folders

    def withheld_by_place(self, file_date: datetime | None) -> str:
        """Why its generator leaves it out, by its name or its folder alone; empty where it does not."""
        if self.is_in_drafts:
            return "It lies in _drafts."
        if self.path.name.startswith(UNSEEN):
            return f"Its name begins with {self.path.name[0]}."
        if self.is_jekyll and file_date is None:
            return "It lies in _posts without a date in its name, where Jekyll leaves it out."
        return ""

    @property
    def is_in_pages(self) -> bool:
        return self.folders[:1] in (("pages",), ("_pages",))

    @property
    def is_beside_sections(self) -> bool:
        return self.has_sections and not self.folders

    def read(self) -> bytes:
        """Raises BadFile, and before it reads a file that is too large."""
        if len(self.name) > LONGEST_NAME:
            raise BadFile(f"Its path has {len(self.name)} characters; {LONGEST_NAME} is the most.")
        try:
            with self.path.open("rb") as file:
                self.check_size(os.fstat(file.fileno()).st_size)
                content = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise BadFile(f"It cannot be read: {error.strerror}.") from error
        self.check_size(len(content))
        return content

    def check_size(self, size: int) -> None:
        if size > LARGEST_FILE:
            raise BadFile(f"It has {size / 1e6:.1f} MB; {LARGEST_FILE / 1e6:.0f} MB is the most a post may have.")


def decoded(content: bytes) -> str:
    """UTF-8 text with plain line ends."""
    if b"\x00" in content:
        raise BadFile("It is no text: it holds NUL bytes.")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise BadFile(f"It is not UTF-8: byte {error.start} is {content[error.start]:#04x}.") from error


def source_hash(content: bytes, above: str = "", *, version: bytes = IMPORTER_VERSION) -> str:
    """The hash of a post's input: its own bytes, and in `above` the values from other files and the time."""
    return hashlib.sha256(version + content + above.encode(errors="backslashreplace")).hexdigest()


def markdown_files(root: Path) -> Iterator[SourceFile]:
    """All Markdown files below the root, in the order of their paths; nothing that a link reaches outside of it."""
    root = root.resolve()
    paths = sorted(path for path in walk(root) if path.suffix.lower() in ENDINGS)
    files = [path for path in paths if path.is_file() and path.resolve().is_relative_to(root)]
    in_folder: dict[Path, int] = {}
    for path in files:
        in_folder[path.parent] = in_folder.get(path.parent, 0) + 1
    has_sections = any(path.stem == "_index" or path.parent.name in JEKYLL_POSTS for path in files)
    for path in files:
        yield SourceFile(root, path, has_sections=has_sections, has_siblings=in_folder[path.parent] > 1)


def walk(folder: Path) -> Iterator[Path]:
    """Files of it and of its folders, without hidden ones, a generator's own (`_site`) and links to folders."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_left_out(name)]
        yield from (Path(parent, name) for name in files if not name.startswith("."))


def is_left_out(name: str) -> bool:
    return (name.startswith((".", "_")) and name not in {*JEKYLL_POSTS, "_pages"}) or name == "node_modules"


def withheld_folders(root: Path) -> Iterator[str]:
    """Folders that are left out for their underscore and have Markdown in them, but for a generator's own."""
    root = root.resolve()
    for parent, folders, _ in os.walk(root):
        for name in sorted(folders):
            folder = Path(parent, name)
            if name.startswith("_") and is_left_out(name) and name not in OF_GENERATORS and has_markdown(folder):
                yield text_of(folder.relative_to(root).as_posix())
        folders[:] = [name for name in folders if not is_left_out(name)]


def has_markdown(folder: Path) -> bool:
    return any(Path(name).suffix.lower() in ENDINGS for _, _, names in os.walk(folder) for name in names)


def text_of(name: str) -> str:
    """With the bytes of file names that are no UTF-8 written out."""
    return name.encode(errors="backslashreplace").decode()
