"""Importing a folder: read, compare, write in batches, go on past what is bad."""

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from django.db import DatabaseError, transaction
from django.utils import timezone

from content.importers.errors import BadFile
from content.importers.media import MediaLibrary
from content.importers.reading import Prepared, prepare
from content.importers.report import Failure, ImportReport
from content.importers.source_file import SourceFile, markdown_files, source_hash
from content.importers.terms import Terms
from content.importers.writing import write
from content.models import Post

FILES_A_BATCH = 50

Progress = Callable[[ImportReport], None]


def import_folder(root: Path, progress: Progress = lambda report: None) -> ImportReport:
    """All Markdown files below `root`. Running it again changes only what has changed in the files."""
    report = ImportReport()
    files = list(markdown_files(root.resolve()))
    report.files = len(files)
    run = FolderImport(root.resolve(), report)
    waiting = iter(files)
    progress(report)
    while batch := list(islice(waiting, FILES_A_BATCH)):
        run.import_batch(batch)
        progress(report)
    return report


class FolderImport:
    """One run over one folder."""

    def __init__(self, root: Path, report: ImportReport) -> None:
        self.report = report
        self.library = MediaLibrary(root)
        self.terms = Terms()
        self.now = timezone.now()

    def import_batch(self, files: Sequence[SourceFile]) -> None:
        hashes = dict(
            Post.objects.filter(source_path__in=[file.name for file in files]).values_list(
                "source_path", "source_hash"
            )
        )
        try:
            with transaction.atomic():
                prepared = [ready for file in files if (ready := self.read(file, hashes.get(file.name)))]
                self.write(prepared)
        finally:
            self.report.media, self.report.media_missing = self.library.stored, self.library.missing

    def read(self, file: SourceFile, known_hash: str | None) -> Prepared | None:
        """None for what needs no writing, which is counted here."""
        try:
            if not file.is_post:
                self.report.not_posts += 1
                return None
            content = file.read()
            if source_hash(content) == known_hash:
                self.report.unchanged += 1
                return None
            return prepare(file, content, self.library, self.report, self.now)
        except BadFile as error:
            self.fail(file, str(error))
            return None

    def write(self, prepared: Sequence[Prepared]) -> None:
        """All at once; if the database refuses that, one by one, to find the one it refuses."""
        if not prepared:
            return
        try:
            with transaction.atomic():
                write(prepared, self.terms, self.report, self.now)
        except DatabaseError as error:
            if len(prepared) == 1:
                self.fail(prepared[0].source, f"The database refused it: {error}")
                return
            for one in prepared:
                self.write([one])

    def fail(self, file: SourceFile, reason: str) -> None:
        self.report.failures.append(Failure(file.name, reason))
