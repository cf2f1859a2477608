"""One import of an export: two readings, one to know what there is, one to write it in batches."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from django.db import reset_queries
from django.utils import timezone

from content.importers.batches import write_batch
from content.importers.reading import LONGEST_ALT, LONGEST_EXCERPT, Prepared
from content.importers.report import ImportReport
from content.importers.wordpress.body import text_of
from content.importers.wordpress.catalogue import Catalogue, catalogue_of
from content.importers.wordpress.comments import write_comments
from content.importers.wordpress.draft import draft_of, has_blank_password
from content.importers.wordpress.item import Item, blog_of, host_of
from content.importers.wordpress.media import Fetch, Media
from content.importers.wordpress.members import for_members
from content.importers.wordpress.records import BadExport, Record, records
from content.importers.wordpress.titles import title_of
from content.models import Post
from content.rendering import BodyTooLarge, make_excerpt, render_markdown

ITEMS_A_BATCH = 50
LETTERS_A_BATCH = 1_000_000
# Part of every source_hash: raise it when the same item would become another post.
IMPORTER_VERSION = b"wordpress 1"
# Comments have names of their own, and of an item's many settings only its cover is asked for.
APART = ("wp:comment", "wp:postmeta")

Progress = Callable[[ImportReport], None]


def import_wordpress(
    path: Path,
    progress: Progress = lambda report: None,
    *,
    fetch: Fetch | None = None,
    now: datetime | None = None,
    overwrite: bool = False,
) -> ImportReport:
    """All posts, pages and comments of the export. Running it again changes only what has changed in it.

    `fetch` gives the bytes at an address; without it pictures become links. Raises BadExport for a file that is no
    export. One that breaks off is imported up to there, and the report says so: the next run adds the rest.
    Posts that were edited here are left alone, unless with `overwrite`.
    """
    with catalogue_of(path) as catalogue:
        run = WordPressImport(path, catalogue, Media(fetch), progress, now or timezone.now(), overwrite)
        run.import_all()
        return run.report


class WordPressImport:
    """One run over one export."""

    def __init__(
        self, path: Path, catalogue: Catalogue, media: Media, progress: Progress, now: datetime, overwrite: bool
    ) -> None:
        self.overwrite = overwrite
        self.path = path
        self.catalogue = catalogue
        self.media = media
        self.progress = progress
        self.now = now
        self.report = ImportReport(files=catalogue.items)

    def import_all(self) -> None:
        self.progress(self.report)
        try:
            for batch in self.batches():
                self.import_batch(batch)
        except BadExport as error:
            self.report.fail(self.path.name, str(error))

    def batches(self) -> Iterator[list[Item]]:
        """Bounded in number and in length. What came before a break is given before the break is told."""
        batch: list[Item] = []
        letters = 0
        try:
            for record in records(self.path):
                if record.name != "item" or not self.is_taken(record):
                    continue
                batch.append(Item(record))
                letters += len(batch[-1].content)
                if len(batch) >= ITEMS_A_BATCH or letters >= LETTERS_A_BATCH:
                    yield batch
                    batch, letters = [], 0
        except BadExport:
            yield batch
            raise
        yield batch

    def is_taken(self, record: Record) -> bool:
        item = Item(record)
        if record.too_large:
            self.report.fail(self.path.name, "One of its items is larger than 10 MB, which no post may be.")
            return False
        self.report.not_posts += not item.is_taken
        return item.is_taken

    def import_batch(self, batch: list[Item]) -> None:
        """Reading and rendering take their time outside of the transaction: it holds the writer's lock briefly."""
        named = self.named(batch)
        known = {post.source_path: post for post in Post.objects.filter(source_path__in=[name for name, _ in named])}
        prepared = [ready for name, item in named if (ready := self.read(name, item, known.get(name)))]
        write_batch(prepared, self.report, self.now, overwrite=self.overwrite)
        write_comments(named, self.report, self.now)
        self.report.media, self.report.media_missing = self.media.stored, self.media.missing
        self.report.warnings += self.media.refused
        self.media.refused.clear()
        reset_queries()  # in debug, Django keeps the text of every query: that would be the whole export
        self.progress(self.report)

    def named(self, batch: list[Item]) -> list[tuple[str, Item]]:
        """Posts named by the host alone, as they were before, keep their names if their titles are the same."""
        host, blog = host_of(self.catalogue.site), blog_of(self.catalogue.site)
        named = [(self.name(item, blog), item) for item in batch]
        if blog == host:
            return named
        old = {name: self.name(item, host) for name, item in named}
        rows = Post.objects.filter(source_path__in=[*old.keys(), *old.values()])
        known = dict(rows.values_list("source_path", "title"))
        return [
            (old[name] if name not in known and known.get(old[name]) == title_of(item, "") else name, item)
            for name, item in named
        ]

    def name(self, item: Item, blog: str) -> str:
        """The blog and the item's number there: the same in every export, whatever the file is called."""
        return f"{blog or self.path.name}/?p={item.id}"[:450]

    def read(self, name: str, item: Item, known: Post | None) -> Prepared | None:
        """None for what needs no writing, which is counted here."""
        hashes = {fetched: source_hash(item, self.catalogue, fetched=fetched) for fetched in (False, True)}
        accepted = {hashes[True]} if self.media.fetch else set(hashes.values())
        if known is not None and known.source_hash in accepted:
            self.report.unchanged += 1
            return None
        missing = self.media.missing
        try:
            prepared = self.prepare(name, item)
        except (BodyTooLarge, ValueError, OverflowError, RecursionError) as error:
            self.report.fail(f"{name} ({item.title[:80]})", str(error))
            return None
        # What could not be fetched is asked for again next time, and written only if that changes something.
        is_whole = self.media.fetch is not None and self.media.missing == missing
        prepared = replace(prepared, source_hash=hashes[is_whole])
        if known is not None and known.source_hash == prepared.source_hash and is_same(known, prepared):
            self.report.unchanged += 1
            return None
        return prepared

    def prepare(self, name: str, item: Item) -> Prepared:
        text = text_of(item.content, item.id, self.catalogue, self.media)
        html = render_markdown(text.body)
        teaser = make_excerpt(render_markdown(text.teaser), LONGEST_EXCERPT) if text.teaser else make_excerpt(html)
        draft = draft_of(item, self.catalogue, self.now, teaser=teaser)
        shown = self.catalogue.attachment(item.meta("_thumbnail_id"))
        cover = self.media.media_for(shown.url) if shown else None
        return Prepared(
            name=name,
            source_hash="",
            draft=replace(draft, cover_alt=shown.alt[:LONGEST_ALT] if shown and cover else ""),
            body=text.body,
            html=html,
            cover=cover,
            converted=text.converted,
            dropped=text.dropped,
        )


def is_same(known: Post, prepared: Prepared) -> bool:
    return known.body == prepared.body and known.cover_id == (prepared.cover.pk if prepared.cover else None)


def source_hash(item: Item, catalogue: Catalogue, *, fetched: bool) -> str:
    """Of all that its post is made from."""
    digest = hashlib.sha256(IMPORTER_VERSION + (b" fetched" if fetched else b""))
    if has_blank_password(item.record):
        digest.update(b"blank password")
    if for_members(item.content):
        # It was public before: the post is written again.
        digest.update(b"for members")
    parts = [
        f"{child.name}\0{sorted(child.attributes.items())}\0{child.text}"
        for child in item.record.children
        if child.name not in APART
    ]
    shown = catalogue.attachment(item.meta("_thumbnail_id"))
    author = catalogue.authors.get(item.record.value("dc:creator"), "")
    for part in [*parts, str(shown), author, catalogue.language]:
        digest.update(f"{part}\1".encode(errors="surrogatepass"))
    return digest.hexdigest()
