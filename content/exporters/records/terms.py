"""Authors, categories and tags; posts name them by their slugs."""

from content.exporters.records.record import Record


class AuthorRecord(Record, frozen=True, kw_only=True):
    slug: str
    name: str
    bio: str = ""


class CategoryRecord(Record, frozen=True, kw_only=True):
    slug: str
    name: str
    description: str = ""


class TagRecord(Record, frozen=True, kw_only=True):
    slug: str
    name: str
