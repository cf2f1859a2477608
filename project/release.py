"""The release of this process: a digest of everything that pages are made from."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

# Below the project's folder. `content` has the templates and the static files.
FOLDERS = ("content", "project")
LOCK_FILE = os.path.join("requirements", "app.lock")
# Tools leave these beside the files.
IGNORED_FOLDER, IGNORED_ENDINGS = "__pycache__", (".pyc", ".swp", "~")


def release_of(base: Path, manifest: Path, settings: tuple[Any, ...]) -> str:
    """A digest of the service's code, templates and static files, the locked packages and `settings`.

    `manifest`: of the collected static files; it may be missing. 20 characters, the same on every machine that has
    the same files. Call it once, at the start: a deploy may replace the files of a running process.
    """
    digest = hashlib.sha256(repr(settings).encode())
    root = os.fspath(base)
    files = [file for folder in FOLDERS for file in list_files(os.path.join(root, folder))]
    names = [file.removeprefix(root) for file in files]
    contents = [*map(read, files), read(os.path.join(root, LOCK_FILE)), read_static_names(os.fspath(manifest))]
    for name, content in zip([*names, "lock file", "static names"], contents, strict=True):
        digest.update(f"\0{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:20]


def read_static_names(manifest: str) -> bytes:
    """The hashed names of the static files. Their times, beside them in the manifest, differ on each machine."""
    content = read(manifest)
    try:
        return json.dumps(json.loads(content)["paths"], sort_keys=True).encode()
    except (ValueError, KeyError, TypeError):
        return content


def list_files(folder: str) -> list[str]:
    """The paths of all files below a folder, sorted. Hidden files and those of tools are left out."""
    found, folders = list[str](), [folder]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name == IGNORED_FOLDER or entry.name.endswith(IGNORED_ENDINGS):
                    continue
                (folders if entry.is_dir() else found).append(entry.path)
    return sorted(found)


def read(path: str) -> bytes:
    """Empty for a file that is not there."""
    try:
        # A buffer would cost as much as the file.
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return b""
