"""Static files as pages refer to them: named by the hash of what they hold, and compressed once."""

from collections.abc import Iterator
from pathlib import Path

from servestatic.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """A name that has its content's hash needs no second compression, whenever files are collected again.

    Files under their own names are there for whoever asks for them, and are not compressed: no page refers to them.
    """

    def compress_files(self, paths: set[str]) -> Iterator[tuple[str, str]]:
        referred_to = paths & set(self.hashed_files.values())
        files: Iterator[tuple[str, str]] = super().compress_files(
            {path for path in referred_to if not self.is_compressed(path)}
        )
        return files

    def is_compressed(self, path: str) -> bool:
        return any(Path(f"{self.path(path)}{ending}").exists() for ending in (".br", ".gz"))
