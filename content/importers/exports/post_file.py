"""A post's file of an export: front matter, and then the body, byte for byte."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import validate_unicode_slug

from content.exporters.folder import VERSION
from content.exporters.records import PostRecord
from content.importers import front_matter
from content.importers.errors import BadFile
from content.importers.exports.converting import record_from
from content.importers.exports.opening import read_bounded

# A body has 2,000,000 characters at most, of up to 4 bytes each.
LARGEST = 20_000_000
HEAD = re.compile(rb"\A(?:\xef\xbb\xbf)?---\r?\n(.*?\n)---\r?(?:\n|\Z)", re.DOTALL)
NUMBER = re.compile(rb"^id: *(\d{1,18})\r?$", re.MULTILINE)
BYTES_BEFORE_NUMBER = 200


@dataclass(frozen=True)
class PostFile:
    """Where it lies: `name` is its path below the root."""

    root: Path
    name: str

    @property
    def path(self) -> Path:
        return self.root / self.name

    def number(self) -> int:
        """When its row was made, as one of many; 0 for what does not say it, or cannot be read."""
        try:
            with self.path.open("rb") as file:
                found = NUMBER.search(file.read(BYTES_BEFORE_NUMBER))
        except OSError:
            return 0
        return int(found[1]) if found else 0

    def record(self) -> PostRecord:
        """Raises BadFile."""
        content = read_bounded(self.path, LARGEST)
        head = HEAD.match(content)
        if head is None:
            raise BadFile("It does not begin with front matter between lines of ---.")
        try:
            matter, body = head[1].decode(), content[head.end() :].decode()
        except UnicodeDecodeError as error:
            raise BadFile(f"It is not UTF-8: {error.reason} at byte {error.start}.") from error
        record = record_from(PostRecord, own_values(matter) | {"body": body})
        return checked(msgspec.structs.replace(record, tags=tuple(sorted(set(record.tags)))))


def own_values(matter: str) -> dict[str, Any]:
    values = front_matter.parse("YAML", matter)
    if values.pop("evergreen", None) != VERSION:
        raise BadFile(f"Its front matter does not say `evergreen: {VERSION}`: it is of no export that is known here.")
    values.pop("id", None)
    return values


def checked(record: PostRecord) -> PostRecord:
    try:
        validate_unicode_slug(record.slug)
    except ValidationError as error:
        raise BadFile(f"Its slug {record.slug[:80]!r} is none: letters, digits, - and _ make one.") from error
    if len(set(record.authors)) != len(record.authors):
        raise BadFile("It names an author twice.")
    return record
