"""One item of an export, in its own words."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from content.importers.old_paths import normal_path
from content.importers.wordpress.records import Record


@dataclass(frozen=True)
class Item:
    """A post, a page, an attachment, or what else WordPress keeps as one."""

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
    def is_taken(self) -> bool:
        """Posts and pages, but for those in the bin and what an editor never saved."""
        return self.type in ("post", "page") and self.status not in ("trash", "auto-draft", "inherit")

    @property
    def title(self) -> str:
        return self.record.value("title")

    @property
    def content(self) -> str:
        return next((child.text for child in self.record.all("content:encoded")), "")

    @property
    def path(self) -> str:
        """The path it had, or nothing where it had only a number."""
        return normal_path(self.record.value("link"))

    @property
    def address(self) -> str:
        return self.record.value("link")

    def meta(self, key: str) -> str:
        """The last one counts, as an editor's last word."""
        found = ""
        for meta in self.record.all("wp:postmeta"):
            if meta.value("wp:meta_key") == key:
                found = meta.value("wp:meta_value")
        return found

    def terms(self, *domains: str) -> Iterator[str]:
        for term in self.record.all("category"):
            if term.attributes.get("domain") in domains and term.text.strip():
                yield term.text.strip()

    @property
    def comments(self) -> Iterator[Record]:
        return self.record.all("wp:comment")


def host_of(address: str) -> str:
    """Its name alone, in lower letters and without the www that many leave out."""
    try:
        return (urlsplit(address.strip()).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def blog_of(address: str) -> str:
    """Its host and, of a blog below a path, that too: blogs of one network number their posts alike."""
    host = host_of(address)
    try:
        path = urlsplit(address.strip()).path.strip("/")
    except ValueError:
        return host
    return f"{host}/{path}" if host and path else host
