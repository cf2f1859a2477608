"""One item of an export, with its title and slug."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import unquote, urlsplit

from content.importers.fields import UNREADABLE
from content.importers.paths import normalize_path
from content.importers.wordpress.records import Record
from content.rendering import plain_text, shortened, slugify

LONGEST_TITLE = 300
LONGEST_TITLE_FROM_TEXT = 60


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
