"""The outcome of a purge, or of its dry run."""

from dataclasses import dataclass
from typing import Any

from content.purging.scope import Item, Scope
from content.purging.survey import Survey

# Tags in an outcome as data.
MOST_TAGS = 1000


@dataclass(frozen=True)
class Outcome:
    """The outcome of a purge; of a plan or a dry run, if not `is_done`.

    survey   None if that is unknown
    missing  the items of which nothing is stored, each with names that are near to it
    judged   how many touched entries were judged after the records were appended, and `ended` of them are
             no longer served as fresh; 0 of 0 after a dry run
    reached  other processes that followed the log after it by their last report, up to five seconds old; `deaf` did
             not, and serve nothing as fresh. None if that is unknown
    id       of its row. None after a dry run, and if the database was down: then `is_recorded` is False
    """

    scope: Scope
    soft: bool
    tags: list[str]
    survey: Survey | None
    missing: dict[Item, list[str]]
    is_done: bool = False
    judged: int = 0
    ended: int = 0
    reached: int | None = None
    deaf: int | None = None
    id: int | None = None
    is_recorded: bool | None = None

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON. The numbers of a survey are None where they are unknown."""
        known = self.survey
        return {
            "id": self.id,
            "is_recorded": self.is_recorded,
            "tags": self.tags[:MOST_TAGS],
            "tag_count": len(self.tags),
            "soft": self.soft,
            "is_done": self.is_done,
            "touched": None if known is None else dict(known.touched),
            "entries": None if known is None else known.entries,
            "pages": None if known is None else known.pages,
            "bytes": None if known is None else known.bytes,
            "in_passing": None if known is None else known.in_passing,
            "already_purged": None if known is None else known.already,
            "is_complete": known is not None and known.is_complete,
            "missing": {item.label: near for item, near in self.missing.items()},
            "judged": self.judged,
            "ended": self.ended,
            "reached": self.reached,
            "deaf": self.deaf,
        }
