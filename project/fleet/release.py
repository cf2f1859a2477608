"""Releases of a fleet: dated folders, and the link `current`, as docs/deploying.md describes."""

import shutil
from pathlib import Path

from project.fleet.layout import Layout

FOLDERS = ("content", "project", "workers", "requirements")


def unpack(source: Path, target: Path) -> Path:
    """Copy the code with its compiled files: a release that still compiles starts slowly."""
    for name in FOLDERS:
        shutil.copytree(source / name, target / name, symlinks=True, ignore=shutil.ignore_patterns(".state"))
    shutil.copy2(source / "manage.py", target)
    return target


def next_folder(layout: Layout) -> Path:
    layout.releases.mkdir(exist_ok=True)
    numbers = [int(each.name) for each in layout.releases.iterdir() if each.name.isdigit()]
    return layout.releases / str(max(numbers, default=0) + 1)


def point_current(layout: Layout, release: Path) -> None:
    """Rename a new link over the old one: at no time there is none."""
    fresh = layout.state / "current.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(release)
    fresh.rename(layout.current)


def share_static(layout: Layout, release: Path) -> None:
    """Static files of all releases, for nginx. Names have a hash, so none is replaced."""
    shared, source = layout.state / "shared/static", release / "static"
    for file in source.rglob("*"):
        target = shared / file.relative_to(source)
        if file.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
