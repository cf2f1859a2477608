"""A copy of the project in which a guard can be taken out, and is put back."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.service import ROOT

UNWANTED = shutil.ignore_patterns(".git", ".venv", ".state", ".*_cache", ".hypothesis", "__pycache__")


def copy_of_the_project(folder: Path) -> Path:
    copy = folder / "evergreen"
    shutil.copytree(ROOT, copy, ignore=UNWANTED)
    return copy


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
