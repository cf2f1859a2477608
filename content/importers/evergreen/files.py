"""The files of an export: posts with front matter and a body, and rows in YAML."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import validate_unicode_slug

from content.exporters.records import VERSION, PostRecord, SomeRecord
from content.importers import front_matter
from content.importers.files import read_bounded
from content.importers.report import BadFile

# A body has 2,000,000 characters at most, of up to 4 bytes each.
LARGEST = 20_000_000
HEAD = re.compile(rb"\A(?:\xef\xbb\xbf)?---\r?\n(.*?\n)---\r?(?:\n|\Z)", re.DOTALL)
NUMBER = re.compile(rb"^id: *(\d{1,18})\r?$", re.MULTILINE)
BYTES_BEFORE_NUMBER = 200


@dataclass(frozen=True)
class PostFile:
    """The file of a post. `name` is its path below the root."""

    root: Path
    name: str

    @property
    def path(self) -> Path:
        return self.root / self.name

    def number(self) -> int:
        """The number of its row, by which files are sorted; 0 if it has none, or cannot be read."""
        try:
            with self.path.open("rb") as file:
                match = NUMBER.search(file.read(BYTES_BEFORE_NUMBER))
        except OSError:
            return 0
        return int(match[1]) if match else 0

    def read(self) -> PostRecord:
        """Raises BadFile. The body is kept byte for byte."""
        content = read_bounded(self.path, LARGEST)
        head = HEAD.match(content)
        if head is None:
            raise BadFile("It does not begin with front matter between lines of ---.")
        try:
            matter, body = head[1].decode(), content[head.end() :].decode()
        except UnicodeDecodeError as error:
            raise BadFile(f"It is not UTF-8: {error.reason} at byte {error.start}.") from error
        record = convert_record(PostRecord, parse_values(matter) | {"body": body})
        check_record(record)
        return msgspec.structs.replace(record, tags=tuple(sorted(set(record.tags))))


def parse_values(matter: str) -> dict[str, Any]:
    values = front_matter.parse("YAML", matter)
    if values.pop("evergreen", None) != VERSION:
        raise BadFile(f"Its front matter does not say `evergreen: {VERSION}`: it is of no export that is known here.")
    values.pop("id", None)
    return values


def check_record(record: PostRecord) -> None:
    """Raises BadFile."""
    try:
        validate_unicode_slug(record.slug)
    except ValidationError as error:
        raise BadFile(f"Its slug {record.slug[:80]!r} is none: letters, digits, - and _ make one.") from error
    if len(set(record.authors)) != len(record.authors):
        raise BadFile("It names an author twice.")


def split_rows(path: Path) -> Iterator[str]:
    """The text of each row of a YAML list. A row begins with a dash at the beginning of a line."""
    lines: list[str] = []
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            if line.startswith("- ") and lines:
                yield "".join(lines)
                lines = []
            if lines or not is_no_row(line):
                lines.append(line)
    if lines:
        yield "".join(lines)


def is_no_row(line: str) -> bool:
    return not line.strip() or line.startswith("#") or line.strip() == "[]"


def parse_row(text: str, kind: type[SomeRecord]) -> SomeRecord:
    """Raises BadFile."""
    values = front_matter.parse_yaml(text, "It")
    if not isinstance(values, list) or len(values) != 1:
        raise BadFile("It is no row: each begins with a dash at the beginning of a line.")
    return convert_record(kind, values[0])


def convert_record(kind: type[SomeRecord], values: Any) -> SomeRecord:
    """Raises BadFile, whose message names the bad value."""
    try:
        return msgspec.convert(values, kind, builtin_types=(datetime,))
    except msgspec.ValidationError as error:
        raise BadFile(f"{error}.") from error
