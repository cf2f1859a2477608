"""The import of an export: the rows to which posts refer, then posts, then the rows that refer to posts."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from content.exporters.records import MANIFEST, VERSION, CommentRecord, MediaRecord, PostRecord, Record, SomeRecord
from content.exporters.tables import COMMENTS_FILE, FOLDERS, MEDIA_FILE, PLAIN_TABLES, REDIRECTS, Table
from content.importers import front_matter
from content.importers.evergreen.files import MediaRestore, PostFile, parse_row, split_rows, write_media_rows
from content.importers.evergreen.rows import (
    ChangedPost,
    LinkedRows,
    Thread,
    check_comment,
    check_record,
    current_records,
    split_threads,
    write_posts,
    write_rows,
    write_threads,
)
from content.importers.files import find_file_inside, read_bounded
from content.importers.post_writer import batched, write_batch
from content.importers.report import BadFile, Counts, ImportReport, Progress
from content.rendering import BodyTooLarge, render_markdown

ROWS_A_BATCH = 200
POSTS_A_BATCH = 50
THREADS_A_BATCH = 20
LARGEST_MANIFEST = 100_000
Row = TypeVar("Row", bound=Record | Thread)


def import_export(root: Path, progress: Progress = lambda report: None) -> ImportReport:
    """Make the database match the export. Rows that the export does not have stay. A second run writes nothing.

    Raises OperationalError if the database fails; what was committed stays, and the next run continues from there.
    """
    run = Restore(root.resolve(), progress)
    try:
        counts = run.read_manifest()
    except BadFile as error:
        run.report.fail(MANIFEST, str(error))
        return run.report
    run.restore()
    run.compare(counts)
    return run.report


class Restore:
    """One import of one export."""

    def __init__(self, root: Path, progress: Progress) -> None:
        self.root = root
        self.report = ImportReport()
        self.progress = progress
        self.media = MediaRestore(root)

    def read_manifest(self) -> dict[str, int]:
        """The counts at the time of the export, by the names of tables and folders. Raises BadFile."""
        path = find_file_inside(self.root, MANIFEST)
        if path is None:
            raise BadFile("It is no file.")
        values = front_matter.parse("YAML", read_bounded(path, LARGEST_MANIFEST).decode(errors="replace"))
        if values.get("evergreen") != VERSION:
            raise BadFile(f"It is of version {values.get('evergreen')!r}; {VERSION} is the one that is known here.")
        counts = values.get("counts")
        return {str(k): v for k, v in counts.items() if isinstance(v, int)} if isinstance(counts, dict) else {}

    def restore(self) -> None:
        for table in PLAIN_TABLES:
            if table is not REDIRECTS:
                self.restore_table(table)
        self.restore_media()
        self.restore_posts()
        self.restore_comments()
        self.restore_table(REDIRECTS)

    def restore_table(self, table: Table) -> None:
        records = self.read_rows(table.file_name, table.record, check_record)
        self.write_table(table.name, records, partial(write_rows, table), table.file_name)

    def restore_media(self) -> None:
        records = self.read_rows(MEDIA_FILE, MediaRecord, self.media.restore)
        self.write_table("media", records, write_media_rows, MEDIA_FILE)
        self.report.media, self.report.media_missing = self.media.stored, self.media.missing

    def restore_comments(self) -> None:
        threads = split_threads(self.read_rows(COMMENTS_FILE, CommentRecord, check_comment))
        self.write_table("comments", threads, write_threads, COMMENTS_FILE, size=THREADS_A_BATCH)

    def read_rows(
        self, name: str, kind: type[SomeRecord], check: Callable[[SomeRecord], SomeRecord]
    ) -> Iterator[SomeRecord]:
        """The valid rows; each of the others is reported as a failure."""
        number = 0
        try:
            path = find_file_inside(self.root, name)
            for number, text in enumerate(split_rows(path) if path else (), 1):
                try:
                    yield check(parse_row(text, kind))
                except BadFile as error:
                    self.report.fail(name, f"Row {number}: {error}")
        except (BadFile, OSError, UnicodeDecodeError) as error:
            self.report.fail(name, f"It cannot be read after row {number}: {error}")

    def write_table(
        self,
        table: str,
        rows: Iterator[Row],
        write: Callable[[Sequence[Row]], Counts],
        file: str,
        *,
        size: int = ROWS_A_BATCH,
    ) -> None:
        def refuse(row: Row, reason: str) -> None:
            self.report.fail(file, f"{describe_row(row)}: {reason}")

        counts = (each for batch in batched(rows, size) for each in write_batch(batch, write, refuse))
        self.report.tables[table] = sum(counts, Counts())

    def restore_posts(self) -> None:
        files = self.find_post_files()
        self.report.files = len(files)
        self.progress(self.report)
        for batch in batched(files, POSTS_A_BATCH):
            self.restore_post_batch(batch)
            self.progress(self.report)

    def find_post_files(self) -> list[PostFile]:
        """The files in the order in which their rows were created."""
        files = []
        for folder in FOLDERS.values():
            path = self.root / folder
            if path.is_dir() and path.resolve() == path:
                with os.scandir(path) as entries:
                    names = [e.name for e in entries if e.name.endswith(".md") and not e.name.startswith(".")]
                files += [PostFile(self.root, f"{folder}/{name}") for name in names]
        return sorted(files, key=lambda file: (file.number(), file.name))

    def restore_post_batch(self, files: Sequence[PostFile]) -> None:
        """Files are read and rendered before the transaction, which locks the database against other writers."""
        records = {file.name: record for file in files if (record := self.read_post(file)) is not None}
        current = current_records(record.slug for record in records.values())
        linked = LinkedRows(list(records.values()))
        changed = []
        for name, record in records.items():
            if current.get(record.slug) == record:
                self.report.unchanged += 1
            elif (post := self.render_post(name, record, linked)) is not None:
                changed.append(post)
        for counts in write_batch(changed, write_posts, self.refuse_post) if changed else ():
            self.report.created += counts.created
            self.report.updated += counts.updated

    def read_post(self, file: PostFile) -> PostRecord | None:
        try:
            if find_file_inside(self.root, file.name) is None:
                raise BadFile("It is no file.")
            record = file.read()
        except BadFile as error:
            self.report.fail(file.name, str(error))
            return None
        return msgspec.structs.replace(record, cover=self.media.renamed.get(record.cover, record.cover))

    def render_post(self, name: str, record: PostRecord, linked: LinkedRows) -> ChangedPost | None:
        try:
            linked.check(record)
            if record.cover and record.cover not in linked.covers:
                self.report.warnings.append(f"{name}: its cover {record.cover[:200]} is no media file here.")
            return ChangedPost(name, record, render_markdown(record.body))
        except (BadFile, BodyTooLarge) as error:
            self.report.fail(name, str(error))
            return None

    def refuse_post(self, post: ChangedPost, reason: str) -> None:
        self.report.fail(post.name, reason)

    def compare(self, exported: dict[str, int]) -> None:
        """Warn about an export that has lost files or rows."""
        wanted = sum(exported.get(kind, 0) for kind in FOLDERS.values())
        if self.report.files < wanted:
            self.report.warnings.append(
                f"{MANIFEST} counts {wanted:,} posts and pages, {self.report.files:,} are here."
            )
        for name, counts in self.report.tables.items():
            there = counts.created + counts.updated + counts.unchanged
            if there < exported.get(name, 0):
                self.report.warnings.append(f"{MANIFEST} counts {exported[name]:,} {name}, {there:,} are here.")


def describe_row(row: Record | Thread) -> str:
    if isinstance(row, tuple):
        return f"Comments on {row[0]}"
    return str(getattr(row, row.__struct_fields__[0]))[:100]
