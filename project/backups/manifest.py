"""The contents of a backup, and the comparison of the restored site with it."""

import hashlib
import os
from pathlib import Path
from typing import Literal

import msgspec

NAME = "manifest.json"
FORMAT = 1
LARGEST = 256 * 1024 * 1024
CHUNK = 1024 * 1024


class BadBackup(Exception):
    """A backup cannot be used; the text says why."""


class StoredFile(msgspec.Struct, frozen=True):
    bytes: int
    sha256: str


class Table(msgspec.Struct, frozen=True):
    """`sha256` is of all rows in the order of their keys, the same on each kind of database."""

    rows: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`at` in Unix seconds; `files` by their path below the backup, `tables` by name."""

    format: int = FORMAT
    at: float
    database: Literal["postgresql", "sqlite"]
    versions: dict[str, str]
    migrations: list[str]
    tables: dict[str, Table]
    files: dict[str, StoredFile]

    @property
    def database_file(self) -> str:
        return DATABASE_FILES[self.database]


DATABASE_FILES = {"postgresql": "database.dump", "sqlite": "database.sqlite3"}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    with open(folder / NAME, "wb", opener=private) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read_manifest(folder: Path) -> Manifest:
    """Raises BadBackup."""
    path = folder / NAME
    try:
        if path.stat().st_size > LARGEST:
            raise BadBackup(f"{path} is larger than any manifest.")
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise BadBackup(f"{path} cannot be read ({error.strerror}): this is no finished backup.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadBackup(f"{path} is damaged ({error}).") from error
    if manifest.format != FORMAT:
        raise BadBackup(f"{path} has format {manifest.format}; this release reads format {FORMAT}.")
    if not manifest.migrations or manifest.database_file not in manifest.files:
        raise BadBackup(f"{path} names no migration or no database: the backup is empty.")
    return manifest


def private(path: str, flags: int) -> int:
    """An opener: only this user can read what it creates."""
    return os.open(path, flags, 0o600)


def copy_file(source: Path, target: Path) -> StoredFile:
    """Copy the bytes, flush them to the disk, and digest them on the way."""
    digest, size = hashlib.sha256(), 0
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(source, "rb") as reader, open(target, "wb", opener=private) as writer:
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return StoredFile(size, digest.hexdigest())


def digest_file(path: Path) -> StoredFile:
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return StoredFile(size, digest.hexdigest())


def compare_files(folder: Path, files: dict[str, StoredFile], *, below: str = "") -> list[str]:
    """One line for each thing that is missing, differs or was not named. `below`: only paths that begin with it."""
    differences = []
    wanted = {name: stored for name, stored in files.items() if name.startswith(below)}
    for name, stored in wanted.items():
        path = folder / name.removeprefix(below)
        if not path.is_file():
            differences.append(f"{name} is missing.")
        elif path.stat().st_size != stored.bytes:
            differences.append(f"{name} has {path.stat().st_size:,} bytes instead of {stored.bytes:,}.")
        elif digest_file(path) != stored:
            differences.append(f"{name} has other bytes than were backed up.")
    found = {f"{below}{path.relative_to(folder).as_posix()}" for path in folder.rglob("*") if path.is_file()}
    differences += [f"{name} is not in the manifest." for name in sorted(found - wanted.keys() - {NAME})]
    return differences


def is_inside(name: str) -> bool:
    """Whether a path of a manifest stays below its folder."""
    parts = Path(name).parts
    return bool(parts) and not Path(name).is_absolute() and ".." not in parts
