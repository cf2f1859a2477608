"""Records as YAML that any text survives."""

from datetime import datetime
from typing import Any

import msgspec
import yaml

from content.exporters.records import Record

try:
    from yaml import CSafeDumper as Base
except ImportError:  # PyYAML without libyaml
    from yaml import SafeDumper as Base  # type: ignore[assignment]

# No line is folded.
WIDTH = 1 << 30


class Dumper(Base):
    """Writes text with invisible characters in double quotes, on one line, with line ends escaped.

    So a line of `---` is never inside front matter, and a line that begins with `- ` always begins a row.
    """

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = None if text.isprintable() else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", text, style)

    def ignore_aliases(self, data: Any) -> bool:
        return True


Dumper.add_representer(str, Dumper.represent_text)


def dump_yaml(values: Any) -> str:
    return yaml.dump(values, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=WIDTH)


def record_values(record: Record) -> dict[str, Any]:
    """The fields as types of YAML, without those that have their defaults."""
    values: dict[str, Any] = msgspec.to_builtins(record, builtin_types=(datetime,))
    return values
