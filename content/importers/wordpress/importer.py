"""One import of an export, which is read twice: for references between its items, and to write them."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from django.db import reset_queries
from django.utils import timezone

from content.importers.media import Fetch, RemoteMedia
from content.importers.post_writer import LONGEST_ALT, LONGEST_EXCERPT, PreparedPost, write_posts
from content.importers.report import ImportReport, Progress
from content.importers.wordpress.body import convert_body
from content.importers.wordpress.catalogue import Catalogue, open_catalogue
from content.importers.wordpress.comments import write_comments
from content.importers.wordpress.draft import find_members_only, get_password, make_draft
from content.importers.wordpress.records import BadExport, Item, Record, blog_of, host_of, read_records
from content.models import Post
from content.rendering import BodyTooLarge, make_excerpt, render_markdown

ITEMS_A_BATCH = 50
CHARACTERS_A_BATCH = 1_000_000
# Part of every source hash: raise it when the same item would become another post.
IMPORTER_VERSION = b"wordpress 1"
# Comments have names of their own, and of an item's many settings only its cover is used.
NOT_HASHED = ("wp:comment", "wp:postmeta")


def import_wordpress(
    path: Path,
    progress: Progress = lambda report: None,
    *,
    fetch: Fetch | None = None,
    now: datetime | None = None,
    overwrite: bool = False,
) -> ImportReport:
    """Import all posts, pages and comments of the export. A second run writes only what changed in it.

    `fetch` gives the bytes at an address; without it, pictures become links. Posts that were edited here are left
    alone, unless with `overwrite`.

    Raises BadExport for a file that is no export. One that breaks off is imported up to there, and the report says
    so; the next run adds the rest.
    """
    with open_catalogue(path) as catalogue:
        run = WordPressImport(path, catalogue, RemoteMedia(fetch), progress, now or timezone.now(), overwrite)
        run.import_all()
        return run.report


class WordPressImport:
    def __init__(
        self,
        path: Path,
        catalogue: Catalogue,
        media: RemoteMedia,
        progress: Progress,
        now: datetime,
        overwrite: bool,
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
            for batch in self.read_batches():
                self.import_batch(batch)
        except BadExport as error:
            self.report.fail(self.path.name, str(error))

    def read_batches(self) -> Iterator[list[Item]]:
        """Batches bounded in items and in characters. Raises BadExport, after all items before the break."""
        batch: list[Item] = []
        characters = 0
        try:
            for record in read_records(self.path):
                if record.name != "item" or not self.is_imported(record):
                    continue
                batch.append(Item(record))
                characters += len(batch[-1].content)
                if len(batch) >= ITEMS_A_BATCH or characters >= CHARACTERS_A_BATCH:
                    yield batch
                    batch, characters = [], 0
        except BadExport:
            yield batch
            raise
        yield batch

    def is_imported(self, record: Record) -> bool:
        item = Item(record)
        if record.too_large:
            self.report.fail(self.path.name, "One of its items is larger than 10 MB, which no post may be.")
            return False
        self.report.not_posts += not item.is_imported
        return item.is_imported

    def import_batch(self, batch: list[Item]) -> None:
        """Items are rendered before the transaction, which locks the database against other writers."""
        named = self.name_items(batch)
        known = {post.source_path: post for post in Post.objects.filter(source_path__in=[name for name, _ in named])}
        prepared = [post for name, item in named if (post := self.prepare(name, item, known.get(name)))]
        write_posts(prepared, self.report, self.now, overwrite=self.overwrite)
        write_comments(named, self.report, self.now)
        self.report.media, self.report.media_missing = self.media.stored, self.media.missing
        self.report.warnings += self.media.refused
        self.media.refused.clear()
        reset_queries()  # in debug, Django keeps the text of every query: that would be the whole export
        self.progress(self.report)

    def name_items(self, batch: list[Item]) -> list[tuple[str, Item]]:
        """Each item with its name. Posts that an earlier release named by their host keep these names."""
        host, blog = host_of(self.catalogue.site), blog_of(self.catalogue.site)
        named = [(self.name_item(item, blog), item) for item in batch]
        if blog == host:
            return named
        old = {name: self.name_item(item, host) for name, item in named}
        rows = Post.objects.filter(source_path__in=[*old.keys(), *old.values()])
        known = dict(rows.values_list("source_path", "title"))
        return [
            (old[name] if name not in known and known.get(old[name]) == item.plain_title() else name, item)
            for name, item in named
        ]

    def name_item(self, item: Item, blog: str) -> str:
        """The blog and the item's number there: the same in every export, whatever the file's name."""
        return f"{blog or self.path.name}/?p={item.id}"[:450]

    def prepare(self, name: str, item: Item, known: Post | None) -> PreparedPost | None:
        """None for an item that is not written; it is counted here."""
        hashes = {fetched: hash_item(item, self.catalogue, fetched=fetched) for fetched in (False, True)}
        accepted = {hashes[True]} if self.media.fetch else set(hashes.values())
        if known is not None and known.source_hash in accepted:
            self.report.unchanged += 1
            return None
        missing = self.media.missing
        try:
            prepared = self.convert(name, item)
        except (BodyTooLarge, ValueError, OverflowError, RecursionError) as error:
            self.report.fail(f"{name} ({item.title[:80]})", str(error))
            return None
        # The next run fetches missing files again, and writes the post only if that changes it.
        is_complete = self.media.fetch is not None and self.media.missing == missing
        prepared = replace(prepared, source_hash=hashes[is_complete])
        if known is not None and known.source_hash == prepared.source_hash and is_same(known, prepared):
            self.report.unchanged += 1
            return None
        return prepared

    def convert(self, name: str, item: Item) -> PreparedPost:
        body = convert_body(item.content, item.id, self.catalogue, self.media)
        html = render_markdown(body.text)
        teaser = make_excerpt(render_markdown(body.teaser), LONGEST_EXCERPT) if body.teaser else make_excerpt(html)
        draft = make_draft(item, self.catalogue, self.now, teaser=teaser)
        attachment = self.catalogue.attachment(item.meta("_thumbnail_id"))
        cover = self.media.find(attachment.url) if attachment else None
        return PreparedPost(
            name=name,
            draft=replace(draft, cover_alt=attachment.alt[:LONGEST_ALT] if attachment and cover else ""),
            body=body.text,
            html=html,
            cover=cover,
            converted=body.converted,
            dropped=body.dropped,
        )


def is_same(known: Post, prepared: PreparedPost) -> bool:
    return known.body == prepared.body and known.cover_id == (prepared.cover.pk if prepared.cover else None)


def hash_item(item: Item, catalogue: Catalogue, *, fetched: bool) -> str:
    """The hash of all input of a post."""
    digest = hashlib.sha256(IMPORTER_VERSION + (b" fetched" if fetched else b""))
    # An earlier release took a password of spaces for none, and text for members for public: both are written again.
    if (password := get_password(item.record)) and not password.strip():
        digest.update(b"blank password")
    if find_members_only(item.content):
        digest.update(b"for members")
    parts = [
        f"{child.name}\0{sorted(child.attributes.items())}\0{child.text}"
        for child in item.record.children
        if child.name not in NOT_HASHED
    ]
    attachment = catalogue.attachment(item.meta("_thumbnail_id"))
    author = catalogue.authors.get(item.record.value("dc:creator"), "")
    for part in [*parts, str(attachment), author, catalogue.language]:
        digest.update(f"{part}\1".encode(errors="surrogatepass"))
    return digest.hexdigest()
