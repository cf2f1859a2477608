"""Records as YAML that is read back as it was, whatever stands in it."""

from datetime import datetime
from typing import Any

import msgspec
import yaml

from content.exporters.records import Record

try:
    from yaml import CSafeDumper as Base
except ImportError:  # PyYAML without its part in C
    from yaml import SafeDumper as Base  # type: ignore[assignment]

# No line is folded.
WIDTH = 1 << 30


class Dumper(Base):
    """Text that is not plain to see stands in double quotes on one line, line ends and all escaped.

    So a line of an export begins where a value does: a line of `---` is never part of front matter, and a line
    that begins with `- ` begins a row.
    """

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = None if text.isprintable() else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", text, style)

    def ignore_aliases(self, data: Any) -> bool:
        return True


Dumper.add_representer(str, Dumper.represent_text)


def dumped(values: Any) -> str:
    return yaml.dump(values, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=WIDTH)


def plain(record: Record) -> dict[str, Any]:
    """What YAML knows of: without the fields that have their defaults."""
    values: dict[str, Any] = msgspec.to_builtins(record, builtin_types=(datetime,))
    return values
