"""The import of a folder of Markdown: read, compare, and write in batches; a bad file stops no other."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from django.utils import timezone

from content.importers import front_matter
from content.importers.batches import batched
from content.importers.detector import Format, detect_format
from content.importers.evergreen import import_export
from content.importers.fields import Matter
from content.importers.files import SourceFile, decode_text, find_markdown_files, find_withheld_folders, hash_source
from content.importers.inherited import InheritedValues
from content.importers.markdown_post import prepare_post
from content.importers.media import FolderMedia
from content.importers.post_writer import PreparedPost, write_posts
from content.importers.report import BadFile, ImportReport, Progress
from content.importers.sources import identify_source
from content.importers.visibility import Fields
from content.models import Post

FILES_A_BATCH = 50
MENTIONS_EXPIRY = re.compile(rb"expir|unpublish", re.IGNORECASE)


def import_folder(
    root: Path,
    progress: Progress = lambda report: None,
    *,
    now: datetime | None = None,
    source: str = "",
    overwrite: bool = False,
) -> ImportReport:
    """Import all Markdown files below `root`. A second run writes only what changed in the files.

    `progress` gets the counts after each batch. `source` names the source that the folder is. Posts that were edited
    here are left alone, unless with `overwrite`. An export of this service is restored as it was.

    Raises BadFile for a folder of a generator that is not supported. Raises OperationalError if the database fails;
    what was committed stays, and the next run continues from there.
    """
    if detect_format(root) is Format.EVERGREEN:
        return import_export(root, progress)
    files = list(find_markdown_files(root))
    identified = identify_source(root, files, source)
    run = FolderImport(root, ImportReport(files=len(files)), progress, now or timezone.now(), overwrite)
    run.report.warnings += [identified.warning] if identified.warning else []
    for folder in find_withheld_folders(root):
        name = f"{identified.name}/{folder}/"
        run.report.withhold(name, "Its name begins with _: none of its files is imported.")
    progress(run.report)
    for batch in batched((replace(file, source=identified.name) for file in files), FILES_A_BATCH):
        run.import_batch(batch)
    return run.report


class FolderImport:
    """One import of one folder."""

    def __init__(self, root: Path, report: ImportReport, progress: Progress, now: datetime, overwrite: bool) -> None:
        self.report = report
        self.overwrite = overwrite
        self.progress = progress
        self.media = FolderMedia(root, note=report.note)
        self.inherited = InheritedValues(root)
        self.now = now

    def import_batch(self, files: Sequence[SourceFile]) -> None:
        """Files are read and rendered before the transaction, which locks the database against other writers."""
        posts = Post.objects.filter(source_path__in=[file.name for file in files])
        hashes = dict(posts.values_list("source_path", "source_hash"))
        prepared = [post for file in files if (post := self.prepare(file, hashes.get(file.name)))]
        write_posts(prepared, self.report, self.now, overwrite=self.overwrite)
        self.report.media, self.report.media_missing = self.media.stored, self.media.missing
        for warnings in (self.media.refused, self.inherited.warnings):
            self.report.warnings += warnings
            warnings.clear()
        self.progress(self.report)

    def prepare(self, file: SourceFile, known_hash: str | None) -> PreparedPost | None:
        """None for a file that is not written; it is counted here."""
        try:
            if not file.is_post:
                self.report.not_posts += 1
                self.report.note("files that are no posts", file.name)
                return None
            content = file.read()
            inherited = self.inherited.for_file(file)
            digest = hash_source(content, self.other_input(content, inherited))
            if digest == known_hash:
                self.report.unchanged += 1
                return None
            return replace(prepare_post(file, content, self.media, self.now, inherited), source_hash=digest)
        except BadFile as error:
            self.report.fail(file.name, str(error))
        except (OSError, ValueError, OverflowError, RecursionError) as error:
            self.report.fail(file.name, f"It could not be read as a post: {type(error).__name__}: {error}")
        return None

    def other_input(self, content: bytes, inherited: Sequence[tuple[str, Matter]]) -> str:
        """The input of a post besides its own bytes: inherited values, and whether it has expired."""
        values = repr(inherited) if inherited else ""
        if MENTIONS_EXPIRY.search(content) or MENTIONS_EXPIRY.search(values.encode(errors="replace")):
            matter, _ = front_matter.split(decode_text(content))
            values += " expired" if Fields(matter, inherited).is_expired(self.now) else ""
        return values
