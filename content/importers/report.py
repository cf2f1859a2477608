from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

# Of one kind: an import of any size takes a bounded list.
MOST_DETAILS = 10_000


@dataclass(frozen=True)
class Failure:
    """A file or an item that was not imported, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Counts:
    """What became of the rows of one kind."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def __str__(self) -> str:
        return f"{self.created} created, {self.updated} updated, {self.unchanged} unchanged"

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.created + other.created, self.updated + other.updated, self.unchanged + other.unchanged)


@dataclass
class ImportReport:
    """What an import did. `converted` and `dropped` count remnants of templates and shortcodes by kind.

    `files` are those of a folder, or the items of an export. Comments that are left out are spam, binned, pings.
    `tables` counts what an export of ours has beside posts, by the name of its file.
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
    failures: list[Failure] = field(default_factory=list)
    # Single things that the numbers count, by kind; `import_content --list` prints them.
    details: dict[str, list[str]] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return self.created + self.updated + self.unchanged + self.not_posts + len(self.failures)

    def fail(self, name: str, reason: str) -> None:
        self.failures.append(Failure(name, " ".join(reason.split())))

    def note(self, kind: str, name: str) -> None:
        """Remember one for --list, of the first thousands of its kind."""
        names = self.details.setdefault(kind, [])
        if len(names) < MOST_DETAILS:
            names.append(name)

    def as_data(self) -> dict[str, Any]:
        return asdict(self) | {"failed": len(self.failures)}

    def listed(self) -> dict[str, list[str]]:
        """What the numbers count, by kind."""
        tags = {"template tags converted": self.converted, "template tags dropped": self.dropped}
        counted = {kind: [f"{name} ({count})" for name, count in sorted(tag.items())] for kind, tag in tags.items()}
        return {kind: names for kind, names in (self.details | counted).items() if names}

    def summary(self) -> str:
        return (
            f"{self.created} created, {self.updated} updated, {self.unchanged} unchanged, "
            f"{len(self.failures)} failed; {self.media} media stored, {self.media_missing} not there; "
            f"{self.converted.total()} template remnants converted, {self.dropped.total()} dropped; "
            f"{self.redirects} redirects, {len(self.warnings)} warnings."
        )
