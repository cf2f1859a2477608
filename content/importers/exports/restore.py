"""One run over one export: what posts refer to, then posts, then what refers to posts."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from content.exporters.folder import MANIFEST, VERSION
from content.exporters.posts import FOLDERS
from content.exporters.records import CommentRecord, MediaRecord, PostRecord, Record, SomeRecord
from content.exporters.tables import COMMENTS_FILE, MEDIA_FILE, PLAIN_TABLES, REDIRECTS, Table
from content.importers import front_matter
from content.importers.errors import BadFile
from content.importers.exports import media, tables
from content.importers.exports.batches import batches, write_batch
from content.importers.exports.comments import Thread, can_be_shown, threads, write_threads
from content.importers.exports.opening import file_inside, read_bounded
from content.importers.exports.post_file import PostFile
from content.importers.exports.posts import Incoming, LinkedRows, known_records, write_posts
from content.importers.exports.rows import row_record, row_texts
from content.importers.report import Counts, Failure, ImportReport
from content.rendering import BodyTooLarge, render_markdown

ROWS_A_BATCH = 200
POSTS_A_BATCH = 50
THREADS_A_BATCH = 20
LARGEST_MANIFEST = 100_000

Progress = Callable[[ImportReport], None]
Row = TypeVar("Row", bound=Record)


def is_export(root: Path) -> bool:
    return (root / MANIFEST).is_file()


def import_export(root: Path, progress: Progress = lambda report: None) -> ImportReport:
    """All that the export has, made as it says; what it does not have is left as it is.

    Running it again writes nothing. Raises OperationalError where the database cannot be reached: what was
    committed stays, and the next run goes on from there.
    """
    run = Restore(root.resolve(), progress)
    try:
        promised = run.manifest()
    except BadFile as error:
        run.fail(MANIFEST, str(error))
        return run.report
    run.everything()
    run.compare(promised)
    return run.report


class Restore:
    """One run."""

    def __init__(self, root: Path, progress: Progress) -> None:
        self.root = root
        self.report = ImportReport()
        self.progress = progress
        self.media = media.MediaRestore(root)

    def manifest(self) -> dict[str, int]:
        """How many of each there were when it was exported. Raises BadFile."""
        path = file_inside(self.root, MANIFEST)
        if path is None:
            raise BadFile("It is no file.")
        values = front_matter.parse("YAML", read_bounded(path, LARGEST_MANIFEST).decode(errors="replace"))
        if values.get("evergreen") != VERSION:
            raise BadFile(f"It is of version {values.get('evergreen')!r}; {VERSION} is the one that is known here.")
        counts = values.get("counts")
        return {str(k): v for k, v in counts.items() if isinstance(v, int)} if isinstance(counts, dict) else {}

    def everything(self) -> None:
        for table in PLAIN_TABLES:
            if table is not REDIRECTS:
                self.table(table)
        self.media_files()
        self.posts()
        self.comments()
        self.table(REDIRECTS)

    def table(self, table: Table) -> None:
        records = self.rows(table.file_name, table.record, tables.checked)
        self.write(table.name, records, partial(tables.write_rows, table), table.file_name)

    def media_files(self) -> None:
        records = self.rows(MEDIA_FILE, MediaRecord, self.media.placed)
        self.write("media", records, media.write_rows, MEDIA_FILE)
        self.report.media, self.report.media_missing = self.media.stored, self.media.missing

    def comments(self) -> None:
        def refused(thread: Thread, reason: str) -> None:
            self.fail(COMMENTS_FILE, f"Comments on {thread[0]}: {reason}")

        counts = Counts()
        for batch in batches(threads(self.rows(COMMENTS_FILE, CommentRecord, can_be_shown)), THREADS_A_BATCH):
            counts += write_batch(batch, write_threads, refused)
        self.report.tables["comments"] = counts

    def rows(
        self, name: str, kind: type[SomeRecord], check: Callable[[SomeRecord], SomeRecord]
    ) -> Iterator[SomeRecord]:
        """Those that are as they should be; the others are failures."""
        number = 0
        try:
            path = file_inside(self.root, name)
            for number, text in enumerate(row_texts(path) if path else (), 1):
                try:
                    yield check(row_record(text, kind))
                except BadFile as error:
                    self.fail(name, f"Row {number}: {error}")
        except (BadFile, OSError, UnicodeDecodeError) as error:
            self.fail(name, f"It cannot be read after row {number}: {error}")

    def write(self, table: str, records: Iterator[Row], write: Callable[[Sequence[Row]], Counts], file: str) -> None:
        def refused(record: Row, reason: str) -> None:
            self.fail(file, f"{first_value(record)}: {reason}")

        batches_written = (write_batch(batch, write, refused) for batch in batches(records, ROWS_A_BATCH))
        self.report.tables[table] = sum(batches_written, Counts())

    def posts(self) -> None:
        files = self.post_files()
        self.report.files = len(files)
        self.progress(self.report)
        for batch in batches(files, POSTS_A_BATCH):
            self.post_batch(batch)
            self.progress(self.report)

    def post_files(self) -> list[PostFile]:
        """In the order in which their rows were made."""
        found = []
        for folder in FOLDERS.values():
            path = self.root / folder
            if path.is_dir() and path.resolve() == path:
                with os.scandir(path) as entries:
                    names = [e.name for e in entries if e.name.endswith(".md") and not e.name.startswith(".")]
                found += [PostFile(self.root, f"{folder}/{name}") for name in names]
        return sorted(found, key=lambda file: (file.number(), file.name))

    def post_batch(self, files: Sequence[PostFile]) -> None:
        """Reading and rendering take their time outside of the transaction: it holds the writer's lock briefly."""
        records = {file.name: record for file in files if (record := self.post_record(file)) is not None}
        known = known_records(record.slug for record in records.values())
        linked = LinkedRows(list(records.values()))
        incoming = []
        for name, record in records.items():
            if known.get(record.slug) == record:
                self.report.unchanged += 1
            elif (ready := self.ready(name, record, linked)) is not None:
                incoming.append(ready)
        if incoming:
            counts = write_batch(incoming, write_posts, self.refuse)
            self.report.created += counts.created
            self.report.updated += counts.updated

    def post_record(self, file: PostFile) -> PostRecord | None:
        try:
            if file_inside(self.root, file.name) is None:
                raise BadFile("It is no file.")
            record = file.record()
        except BadFile as error:
            self.fail(file.name, str(error))
            return None
        return msgspec.structs.replace(record, cover=self.media.elsewhere.get(record.cover, record.cover))

    def ready(self, name: str, record: PostRecord, linked: LinkedRows) -> Incoming | None:
        try:
            linked.check(record)
            if record.cover and record.cover not in linked.covers:
                self.report.warnings.append(f"{name}: its cover {record.cover[:200]} is no media file here.")
            return Incoming(name, record, render_markdown(record.body))
        except (BadFile, BodyTooLarge) as error:
            self.fail(name, str(error))
            return None

    def refuse(self, post: Incoming, reason: str) -> None:
        self.fail(post.name, reason)

    def compare(self, promised: dict[str, int]) -> None:
        """A folder that lost files on its way is told from a whole one."""
        wanted = sum(promised.get(kind, 0) for kind in FOLDERS.values())
        if self.report.files < wanted:
            self.report.warnings.append(
                f"{MANIFEST} counts {wanted:,} posts and pages, {self.report.files:,} are here."
            )
        for name, counts in self.report.tables.items():
            there = counts.created + counts.updated + counts.unchanged
            if there < promised.get(name, 0):
                self.report.warnings.append(f"{MANIFEST} counts {promised[name]:,} {name}, {there:,} are here.")

    def fail(self, path: str, reason: str) -> None:
        self.report.failures.append(Failure(path, " ".join(reason.split())))


def first_value(record: Record) -> str:
    return str(getattr(record, record.__struct_fields__[0]))[:100]
