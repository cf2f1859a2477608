"""References between the items of an export: the first reading puts them into a temporary table on disk."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from content.importers.paths import normalize_path
from content.importers.wordpress.records import BadExport, Item, Record, host_of, read_records, to_plain_line

TABLES = """
CREATE TABLE attachment (
    id TEXT PRIMARY KEY, url TEXT, alt TEXT, caption TEXT, parent TEXT, place INTEGER, path TEXT
);
CREATE INDEX attachment_of ON attachment (parent, place);
CREATE INDEX attachment_at ON attachment (url);
CREATE INDEX attachment_shown_at ON attachment (path);
CREATE TABLE post (path TEXT PRIMARY KEY, number TEXT, url TEXT);
CREATE INDEX post_by_number ON post (number);
CREATE INDEX post_by_url ON post (url);
"""
MOST_IN_A_GALLERY = 200


@dataclass(frozen=True)
class Attachment:
    """A file that was uploaded to the blog."""

    url: str
    alt: str
    caption: str


@dataclass
class Catalogue:
    """The blog's address, its authors, its files, and the new addresses of its posts."""

    tables: sqlite3.Connection
    site: str = ""
    language: str = ""
    items: int = 0
    authors: dict[str, str] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        match record.name:
            case "item":
                self.add_item(Item(record))
            case "wp:author":
                name = to_plain_line(record.value("wp:author_display_name"))
                self.authors[record.value("wp:author_login")] = name
            case "wp:base_blog_url":
                self.site = record.text.strip()
            case "link":
                self.site = self.site or record.text.strip()
            case "language":
                self.language = record.text.strip()

    def add_item(self, item: Item) -> None:
        self.items += 1
        if item.type == "attachment":
            self.tables.execute(
                "INSERT OR IGNORE INTO attachment VALUES (?, ?, ?, ?, ?, ?, ?)", make_attachment_row(item)
            )
        elif item.is_imported:
            url = f"/{item.slug}/" if item.type == "page" else f"/posts/{item.slug}/"
            self.tables.execute("INSERT OR IGNORE INTO post VALUES (?, ?, ?)", (item.path or item.id, item.id, url))

    def attachment(self, number: str) -> Attachment | None:
        return next(self.select_attachments("WHERE id = ?", number), None)

    def gallery(self, number: str) -> list[Attachment]:
        """The files that were uploaded to one post, in its order."""
        return list(self.select_attachments("WHERE parent = ? ORDER BY place, CAST(id AS INTEGER)", number))

    def select_attachments(self, where: str, value: str) -> Iterator[Attachment]:
        rows = self.tables.execute(
            f"SELECT url, alt, caption FROM attachment {where} LIMIT {MOST_IN_A_GALLERY}",  # noqa: S608 - constants of this module
            (value,),
        )
        return (Attachment(*row) for row in rows)

    def has_file(self, url: str) -> bool:
        return self.tables.execute("SELECT 1 FROM attachment WHERE url = ?", (url,)).fetchone() is not None

    def file_of_page(self, address: str) -> str:
        """The address of the file that has its page at this address: WordPress makes a page for each file."""
        if not self.is_own(address):
            return ""
        path = normalize_path(address)
        row = path and self.tables.execute("SELECT url FROM attachment WHERE path = ?", (path,)).fetchone()
        return str(row[0]) if row else ""

    def is_own(self, address: str) -> bool:
        return bool(self.site) and host_of(address) == host_of(self.site)

    def new_path(self, address: str) -> str | None:
        """The new path of a post of the blog by its old address, or None for another address.

        If two posts want one slug, it is the old path, which leads to the right one.
        """
        if address.startswith("//") or (not self.is_own(address) and not address.startswith("/")):
            return None
        parts = urlsplit(address)
        number = parts.query.removeprefix("p=").removeprefix("page_id=")
        path = normalize_path(parts.path)
        row = self.tables.execute("SELECT path, url FROM post WHERE path = ?", (path,)).fetchone()
        if row is None and number.isdecimal() and not path:
            row = self.tables.execute("SELECT path, url FROM post WHERE number = ?", (number,)).fetchone()
        if row is None:
            return None
        [same] = self.tables.execute("SELECT count(*) FROM post WHERE url = ?", (row[1],)).fetchone()
        url = str(row[1] if same == 1 or not row[0].startswith("/") else row[0])
        return f"{url}#{parts.fragment}" if parts.fragment else url


def make_attachment_row(item: Item) -> tuple[str, str, str, str, str, int, str]:
    place = item.record.value("wp:menu_order")
    return (
        item.id,
        item.record.value("wp:attachment_url"),
        item.meta("_wp_attachment_image_alt") or to_plain_line(item.title),
        to_plain_line(item.record.value("excerpt:encoded")),
        item.record.value("wp:post_parent"),
        int(place) if place.isdecimal() and len(place) < 10 else 0,
        item.path,
    )


@contextmanager
def open_catalogue(path: Path) -> Iterator[Catalogue]:
    """Raises BadExport for a file that is no export. One that breaks off is catalogued up to there."""
    with closing(sqlite3.connect("")) as tables:  # no name: a temporary file, which SQLite deletes
        tables.executescript(TABLES)
        catalogue = Catalogue(tables)
        is_export = False
        try:
            for record in read_records(path):
                catalogue.add(record)
                is_export = is_export or record.name == "wp:wxr_version"
        except BadExport:
            if not is_export:
                raise
        tables.commit()
        yield catalogue
