"""An export as a stream of records, in bounded memory.

The parser is that of defusedxml. Its target counts the size of a record while it is read, so that no file and no
element fills the memory.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from content.importers.front_matter import UNREADABLE
from content.importers.paths import normalize_path
from content.rendering import plain_text, shortened, slugify

CHUNK = 1 << 16
LARGEST_RECORD = 10_000_000
ELEMENT_SIZE = 200
DEEPEST = 20
RECORD_DEPTH = 3  # below rss and channel

NAMESPACES = (
    (re.compile(r"https?://wordpress\.org/export/1\.\d/excerpt/?"), "excerpt:"),
    (re.compile(r"https?://wordpress\.org/export/1\.\d/?"), "wp:"),
    (re.compile(r"https?://purl\.org/rss/1\.0/modules/content/?"), "content:"),
    (re.compile(r"https?://purl\.org/dc/elements/1\.1/?"), "dc:"),
)
# Invalid in XML, but present in old posts.
CONTROLS = bytes(set(range(32)) - {9, 10, 13})
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
LONGEST_TITLE = 300
LONGEST_TITLE_FROM_TEXT = 60


class BadExport(ValueError):
    """A file that is no export, or one that breaks off. The message is one sentence for the person who imports it."""


@dataclass
class Record:
    """An element with its text and its children. One past LARGEST_RECORD is empty and `too_large`."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)
    children: list["Record"] = field(default_factory=list)
    too_large: bool = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def all(self, name: str) -> Iterator["Record"]:
        return (child for child in self.children if child.name == name)

    def value(self, name: str) -> str:
        """The stripped text of the first child of that name."""
        return next((child.text.strip() for child in self.all(name)), "")


def read_records(path: Path) -> Iterator[Record]:
    """The records in the channel of an export, in order. Raises BadExport, after all records before the error."""
    target = RecordBuilder()
    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    for chunk in read_chunks(path):
        reason = feed(parser, chunk)
        yield from target.take_records()
        if reason:
            raise BadExport(target.describe(reason))
    try:
        parser.close()
    except ParseError as error:
        raise BadExport(target.describe(str(error))) from error


def feed(parser: DefusedXMLParser, chunk: bytes) -> str:
    """Parse a chunk, and return the reason why it is bad, or an empty text."""
    try:
        parser.feed(chunk)
    except DefusedXmlException:
        return "it declares a document type or entities of its own, which no export needs and we refuse"
    except (ParseError, BadExport, ValueError, LookupError) as error:
        return str(error)
    return ""


def read_chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            first = file.read(CHUNK)
            invalid = b"" if first.startswith(UTF_16) else CONTROLS
            while first:
                yield first.translate(None, invalid)
                first = file.read(CHUNK)
    except OSError as error:
        raise BadExport(f"It cannot be read: {error.strerror}.") from error


class RecordBuilder:
    """The target of the parser: it builds records from its events."""

    def __init__(self) -> None:
        self.depth = 0
        self.size = 0
        self.is_export = False
        self.open: list[Record] = []
        self.done: list[Record] = []

    def take_records(self) -> list[Record]:
        done, self.done = self.done, []
        return done

    def describe(self, reason: str) -> str:
        if self.is_export:
            return f"The export breaks off ({reason}): what stands before that was imported, what is behind was not."
        return f"It is no WordPress export: {reason}."

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise BadExport(f"its elements are nested more than {DEEPEST} deep")
        if self.depth == 1 and tag != "rss":
            raise BadExport(f"it begins with <{short_name(tag)[:50]}> and not with <rss>")
        if self.depth < RECORD_DEPTH:
            return
        record = Record(short_name(tag), attributes)
        if record.name == "item" and self.depth == RECORD_DEPTH and not self.is_export:
            raise BadExport("it is a feed, without the version that WordPress writes into its exports")
        if self.open and self.has_room_for(ELEMENT_SIZE):
            self.open[-1].children.append(record)
        self.open.append(record)

    def data(self, text: str) -> None:
        if self.open and self.has_room_for(len(text)):
            self.open[-1].pieces.append(text)

    def has_room_for(self, size: int) -> bool:
        self.size += size
        if self.size > LARGEST_RECORD:
            whole = self.open[0]
            whole.too_large, whole.pieces, whole.children = True, [], []
            return False
        return True

    def end(self, tag: str) -> None:
        self.depth -= 1
        if not self.open:
            return
        record = self.open.pop()
        if not self.open:
            self.is_export = self.is_export or record.name == "wp:wxr_version"
            self.done.append(record)
            self.size = 0

    def close(self) -> None:
        if not self.is_export:
            raise BadExport("It is no WordPress export: it has none of what WordPress writes into one.")


@lru_cache(maxsize=100)
def find_prefix(namespace: str) -> str | None:
    return next((prefix for pattern, prefix in NAMESPACES if pattern.fullmatch(namespace)), None)


def short_name(tag: str) -> str:
    """`wp:post_id`, however the export spells the namespace."""
    if not tag.startswith("{"):
        return tag
    namespace, _, name = tag[1:].partition("}")
    prefix = find_prefix(namespace) if len(namespace) < 100 else None
    return f"{prefix or 'other:'}{name}"


@dataclass(frozen=True)
class Item:
    """A post, a page, an attachment, or another type of WordPress."""

    record: Record

    @property
    def id(self) -> str:
        return self.record.value("wp:post_id")

    @property
    def type(self) -> str:
        return self.record.value("wp:post_type") or "post"

    @property
    def status(self) -> str:
        return self.record.value("wp:status")

    @property
    def is_imported(self) -> bool:
        """Whether it is a post or a page, except in the bin, or never saved by its editor."""
        return self.type in ("post", "page") and self.status not in ("trash", "auto-draft", "inherit")

    @property
    def title(self) -> str:
        return self.record.value("title")

    @property
    def content(self) -> str:
        return next((child.text for child in self.record.all("content:encoded")), "")

    @property
    def path(self) -> str:
        """Its path on the blog, or an empty text if it had only a number."""
        return normalize_path(self.record.value("link"))

    @property
    def slug(self) -> str:
        name = unquote(self.record.value("wp:post_name"))
        return slugify(name or unescape(to_plain_line(self.title)) or f"{self.type}-{self.id}")

    @property
    def comments(self) -> Iterator[Record]:
        return self.record.all("wp:comment")

    def meta(self, key: str) -> str:
        """The last value of that key."""
        value = ""
        for meta in self.record.all("wp:postmeta"):
            if meta.value("wp:meta_key") == key:
                value = meta.value("wp:meta_value")
        return value

    def terms(self, *domains: str) -> Iterator[str]:
        for term in self.record.all("category"):
            if term.attributes.get("domain") in domains and term.text.strip():
                yield term.text.strip()

    def plain_title(self, text: str = "") -> str:
        """Its title, or the first words of its text."""
        title = to_plain_line(self.title) or shortened(text, LONGEST_TITLE_FROM_TEXT)
        return title[:LONGEST_TITLE].strip() or "Untitled"


def to_plain_line(text: str) -> str:
    """One line without tags; entities are decoded."""
    text = UNREADABLE.sub("", text)
    return plain_text(text) if "<" in text or "&" in text else " ".join(text.split())


def host_of(address: str) -> str:
    """The host of an address in lower case, without www."""
    try:
        return (urlsplit(address.strip()).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def blog_of(address: str) -> str:
    """The host and the path of a blog: blogs of one network use the same numbers for their posts."""
    host = host_of(address)
    try:
        path = urlsplit(address.strip()).path.strip("/")
    except ValueError:
        return host
    return f"{host}/{path}" if host and path else host
