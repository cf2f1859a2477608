"""Importing a folder: read, compare, write in batches, go on past what is bad."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from django.utils import timezone

from content.importers import front_matter
from content.importers.batches import write_batch
from content.importers.errors import BadFile
from content.importers.exports import import_export, is_export
from content.importers.fields import Matter
from content.importers.folder_values import FolderValues
from content.importers.identity import source_of
from content.importers.media import MediaLibrary
from content.importers.reading import Prepared, prepare
from content.importers.report import ImportReport
from content.importers.source_file import SourceFile, decoded, markdown_files, source_hash, withheld_folders
from content.importers.withheld import MENTIONS_EXPIRY, Words, is_expired
from content.models import Post

FILES_A_BATCH = 50

Progress = Callable[[ImportReport], None]


def import_folder(
    root: Path,
    progress: Progress = lambda report: None,
    *,
    now: datetime | None = None,
    source: str = "",
    overwrite: bool = False,
) -> ImportReport:
    """All Markdown files below `root`. Running it again changes only what has changed in the files.

    `progress` is called with the counts so far, after each file. A database that cannot be reached at all
    ends the run with its OperationalError; what was committed stays, and the next run goes on from there.
    An export of a site of ours is taken back as it was. `source` names the source that the folder is.
    Posts that were edited here are left alone, unless with `overwrite`.
    """
    if is_export(root):
        return import_export(root, progress)
    files = list(markdown_files(root))
    known_as = source_of(root, files, source)
    run = FolderImport(root, ImportReport(files=len(files)), progress, now or timezone.now(), overwrite)
    run.report.warnings += [known_as.warning] if known_as.warning else []
    for folder in withheld_folders(root):
        run.report.withhold(f"{known_as.name}/{folder}/", "Its name begins with _: none of its files is imported.")
    progress(run.report)
    waiting = (replace(file, source=known_as.name) for file in files)
    while batch := list(islice(waiting, FILES_A_BATCH)):
        run.import_batch(batch)
    return run.report


class FolderImport:
    """One run over one folder."""

    def __init__(self, root: Path, report: ImportReport, progress: Progress, now: datetime, overwrite: bool) -> None:
        self.report = report
        self.overwrite = overwrite
        self.progress = progress
        self.library = MediaLibrary(root, note=report.note)
        self.folder_values = FolderValues(root)
        self.now = now

    def import_batch(self, files: Sequence[SourceFile]) -> None:
        """Reading and rendering take their time outside of the transaction: it holds the writer's lock briefly."""
        hashes = dict(
            Post.objects.filter(source_path__in=[file.name for file in files]).values_list(
                "source_path", "source_hash"
            )
        )
        prepared = [ready for file in files if (ready := self.read(file, hashes.get(file.name)))]
        write_batch(prepared, self.report, self.now, overwrite=self.overwrite)
        self.report.media, self.report.media_missing = self.library.stored, self.library.missing
        for warnings in (self.library.refused, self.folder_values.warnings):
            self.report.warnings += warnings
            warnings.clear()
        self.progress(self.report)

    def read(self, file: SourceFile, known_hash: str | None) -> Prepared | None:
        """None for what needs no writing, which is counted here."""
        try:
            if not file.is_post:
                self.report.not_posts += 1
                self.report.note("files that are no posts", file.name)
                return None
            content = file.read()
            inherited = self.folder_values.above(file)
            digest = source_hash(content, self.beside(content, inherited))
            if digest == known_hash:
                self.report.unchanged += 1
                return None
            return replace(prepare(file, content, self.library, self.now, inherited), source_hash=digest)
        except BadFile as error:
            self.report.fail(file.name, str(error))
        except (OSError, ValueError, OverflowError, RecursionError) as error:
            self.report.fail(file.name, f"It could not be read as a post: {type(error).__name__}: {error}")
        return None

    def beside(self, content: bytes, inherited: Sequence[tuple[str, Matter]]) -> str:
        """Input besides a file's own bytes: values from above it, and whether its time has run out."""
        above = repr(inherited) if inherited else ""
        if MENTIONS_EXPIRY.search(content) or MENTIONS_EXPIRY.search(above.encode(errors="replace")):
            matter, _ = front_matter.split(decoded(content))
            above += " expired" if is_expired(Words(matter, inherited), self.now) else ""
        return above
