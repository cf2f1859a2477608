"""A copy of the project in which a guard can be taken out, and is put back."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.service import ROOT

UNWANTED = shutil.ignore_patterns(".git", ".venv", ".state", ".*_cache", ".hypothesis", "__pycache__")


def copy_of_the_project(folder: Path) -> Path:
    copy = folder / "evergreen"
    shutil.copytree(ROOT, copy, ignore=UNWANTED)
    return copy


@dataclass(frozen=True)
class TakenOut:
    """A guard: where it stands, and what stands there without it."""

    name: str
    file: str
    code: str
    without: str

    def __str__(self) -> str:
        return self.name

    def of(self, copy: Path) -> AbstractContextManager[None]:
        return replaced(copy / self.file, self.code, self.without)


@contextmanager
def replaced(file: Path, code: str, without: str) -> Iterator[None]:
    """`code`, which stands in it once, by what stands there without the guard."""
    whole = file.read_text()
    assert whole.count(code) == 1, "the guard has moved: bring the list up to date"
    file.write_text(whole.replace(code, without))
    try:
        yield
    finally:
        file.write_text(whole)
