"""The columns that an installed trigger reports, as JSON in a comment of its text.

Two releases share the triggers of a table in a roll-out. Those of the new one report the columns of the release
before as well, so that both name the rows of each change. The next installation drops them.
"""

import re
from collections.abc import Container

import msgspec

from .declaration import Watch

_COMMENT = re.compile(r"/\* evergreen (\{[^\n]*\}) \*/")


class Columns(msgspec.Struct, frozen=True):
    """`watched`: a change of one is reported. `reads`: their old and new values are reported with it."""

    watched: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()

    def among(self, columns: Container[str]) -> "Columns":
        """Those that a table has."""
        return Columns(
            tuple(each for each in self.watched if each in columns),
            tuple(each for each in self.reads if each in columns),
        )

    def without(self, other: "Columns") -> "Columns":
        return Columns(
            tuple(each for each in self.watched if each not in other.watched),
            tuple(each for each in self.reads if each not in other.reads),
        )

    def __add__(self, other: "Columns") -> "Columns":
        return Columns(self.watched + other.watched, self.reads + other.reads)


class Reported(msgspec.Struct, frozen=True):
    """`own`: of the release that installed the trigger. `kept`: of the release before."""

    own: Columns
    kept: Columns = Columns()

    @property
    def all(self) -> Columns:
        return self.own + self.kept

    @property
    def comment(self) -> str:
        text = msgspec.json.encode(self).decode().replace("/", r"\/")
        return f"/* evergreen {text} */"


def own_columns(watch: Watch) -> Columns:
    return Columns(watch.columns, watch.reads)


def read_comment(text: str) -> Reported | None:
    """From the text of a trigger. None if it has no such comment: of an older version, or one that names no rows."""
    found = _COMMENT.search(text)
    try:
        return msgspec.json.decode(found[1], type=Reported) if found else None
    except msgspec.DecodeError:
        return None
