"""The rows of a YAML list, one at a time."""

from collections.abc import Iterator
from pathlib import Path

from content.exporters.records import SomeRecord
from content.importers import front_matter
from content.importers.errors import BadFile
from content.importers.exports.converting import record_from


def row_texts(path: Path) -> Iterator[str]:
    """A row begins with a line that begins with a dash, as our exports write it."""
    lines: list[str] = []
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            if line.startswith("- ") and lines:
                yield "".join(lines)
                lines = []
            if lines or not is_empty(line):
                lines.append(line)
    if lines:
        yield "".join(lines)


def is_empty(line: str) -> bool:
    return not line.strip() or line.startswith("#") or line.strip() == "[]"


def row_record(text: str, kind: type[SomeRecord]) -> SomeRecord:
    """Raises BadFile."""
    values = front_matter.parse_yaml(text, "It")
    if not isinstance(values, list) or len(values) != 1:
        raise BadFile("It is no row: each begins with a dash at the beginning of a line.")
    return record_from(kind, values[0])
