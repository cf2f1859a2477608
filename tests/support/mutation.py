"""A copy of the project in which one guard is removed for a while."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.service import ROOT

UNWANTED = shutil.ignore_patterns(".git", ".venv", ".state", ".*_cache", ".hypothesis", "__pycache__")


def copy_project(folder: Path) -> Path:
    copy = folder / "evergreen"
    shutil.copytree(ROOT, copy, ignore=UNWANTED)
    return copy


@dataclass(frozen=True)
class Mutation:
    """A guard in the code: its file, its text, and the text that replaces it."""

    name: str
    file: str
    code: str
    without: str

    def __str__(self) -> str:
        return self.name

    def apply(self, copy: Path) -> AbstractContextManager[None]:
        return replace_text(copy / self.file, self.code, self.without)


@contextmanager
def replace_text(file: Path, code: str, without: str) -> Iterator[None]:
    """Replace `code`, which the file has once, until the end of the block."""
    whole = file.read_text()
    assert whole.count(code) == 1, "the guard has moved: bring the list up to date"
    file.write_text(whole.replace(code, without))
    try:
        yield
    finally:
        file.write_text(whole)
