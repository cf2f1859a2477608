"""The report of an import: counts, warnings and failures."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from typing import Any

# Details of one kind, so that the list of a large import stays bounded.
MOST_DETAILS = 10_000


class BadFile(ValueError):
    """A file or folder that cannot be imported. The message is the reason, for the person who imports it."""


@dataclass(frozen=True)
class Finding:
    """A file, an item or a post, by its path, and the reason why it is in the report."""

    path: str
    reason: str


@dataclass(frozen=True)
class Counts:
    """The rows of one kind."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def __str__(self) -> str:
        return f"{self.created} created, {self.updated} updated, {self.unchanged} unchanged"

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.created + other.created, self.updated + other.updated, self.unchanged + other.unchanged)


@dataclass
class ImportReport:
    """The result of an import.

    `files` counts the files of a folder, or the items of a WordPress export. `converted` and `dropped` count template
    tags and shortcodes by name. `comments_left_out` are spam, deleted comments and pings. `tables` counts the tables
    of an export of this service, by their names.

    `withheld` has posts that are not public because their source does not publish them. `left_alone` has posts that
    were edited here and were not written. `failures` has files that were not imported.
    """

    files: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    not_posts: int = 0
    redirects: int = 0
    media: int = 0
    media_missing: int = 0
    comments: int = 0
    comments_unchanged: int = 0
    comments_left_out: int = 0
    converted: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    tables: dict[str, Counts] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    withheld: list[Finding] = field(default_factory=list)
    left_alone: list[Finding] = field(default_factory=list)
    failures: list[Finding] = field(default_factory=list)
    # The single items behind the counts, by kind; `import_content --list` prints them.
    details: dict[str, list[str]] = field(default_factory=dict)

    @property
    def done(self) -> int:
        posts = self.created + self.updated + self.unchanged + len(self.left_alone)
        return posts + self.not_posts + len(self.failures)

    def fail(self, path: str, reason: str) -> None:
        self.failures.append(Finding(path, " ".join(reason.split())))

    def note(self, kind: str, name: str) -> None:
        """Add an item to the details. Items past a bound are dropped."""
        names = self.details.setdefault(kind, [])
        if len(names) < MOST_DETAILS:
            names.append(name)

    def withhold(self, path: str, reason: str) -> None:
        self.withheld.append(Finding(path, " ".join(reason.split())))

    def leave_alone(self, path: str, withheld: str) -> None:
        """`withheld` is the reason why the source does not publish the post, or empty."""
        reason = "It was edited here: it stays as it is. --overwrite writes the source over it."
        if withheld:
            reason += f" Its source withholds it: {' '.join(withheld.split())} Check whether it may be public."
        self.left_alone.append(Finding(path, reason))

    def as_data(self) -> dict[str, Any]:
        """The report as values of JSON, without the details."""
        data = asdict(replace(self, converted=Counter(), dropped=Counter(), details={}))
        data |= {"converted": dict(self.converted), "dropped": dict(self.dropped), "failed": len(self.failures)}
        del data["details"]
        return {name: to_json_value(value) for name, value in data.items()}

    def list_details(self) -> dict[str, list[str]]:
        """The details by kind, with the template tags and their counts."""
        tags = {"template tags converted": self.converted, "template tags dropped": self.dropped}
        counts = {kind: [f"{name} ({count})" for name, count in sorted(tag.items())] for kind, tag in tags.items()}
        return {kind: to_json_value(names) for kind, names in (self.details | counts).items() if names}


# Gets the counts after each batch.
Progress = Callable[[ImportReport], None]


def to_json_value(value: Any) -> Any:
    """A value of JSON: bytes of file names are escaped, numbers that JSON does not know become null."""
    match value:
        case dict():
            return {to_json_value(str(key)): to_json_value(each) for key, each in value.items()}
        case list() | tuple():
            return [to_json_value(each) for each in value]
        case str():
            return value.encode(errors="backslashreplace").decode()
        case float():
            return value if isfinite(value) else None
        case None | bool() | int():
            return value
    return to_json_value(str(value))
