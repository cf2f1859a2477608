from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from typing import Any

# Details of one kind, so that the list of a large import stays bounded.
MOST_DETAILS = 10_000


@dataclass(frozen=True)
class Failure:
    """A file or an item that was not imported, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Withheld:
    """A post that is not public here because its source does not publish it, and the reason."""

    path: str
    reason: str


@dataclass(frozen=True)
class LeftAlone:
    """A post that was edited here, and was not written; the reason names what its source withholds."""

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
    withheld: list[Withheld] = field(default_factory=list)
    left_alone: list[LeftAlone] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    # Single things that the numbers count, by kind; `import_content --list` prints them.
    details: dict[str, list[str]] = field(default_factory=dict)

    @property
    def done(self) -> int:
        posts = self.created + self.updated + self.unchanged + len(self.left_alone)
        return posts + self.not_posts + len(self.failures)

    def fail(self, name: str, reason: str) -> None:
        self.failures.append(Failure(name, " ".join(reason.split())))

    def note(self, kind: str, name: str) -> None:
        """Remember one for --list, of the first thousands of its kind."""
        names = self.details.setdefault(kind, [])
        if len(names) < MOST_DETAILS:
            names.append(name)

    def withhold(self, name: str, reason: str) -> None:
        self.withheld.append(Withheld(name, " ".join(reason.split())))

    def leave_alone(self, name: str, withheld: str) -> None:
        reason = "It was edited here: it stays as it is. --overwrite writes the source over it."
        if withheld:
            reason += f" Its source withholds it: {' '.join(withheld.split())} Check whether it may be public."
        self.left_alone.append(LeftAlone(name, reason))

    def as_data(self) -> dict[str, Any]:
        """Plain values that every reader of JSON takes, without `details`: `listed` has them."""
        data = asdict(replace(self, converted=Counter(), dropped=Counter(), details={}))
        data |= {"converted": dict(self.converted), "dropped": dict(self.dropped), "failed": len(self.failures)}
        del data["details"]
        return {name: plain(value) for name, value in data.items()}

    def listed(self) -> dict[str, list[str]]:
        """The counted items, by kind."""
        tags = {"template tags converted": self.converted, "template tags dropped": self.dropped}
        counted = {kind: [f"{name} ({count})" for name, count in sorted(tag.items())] for kind, tag in tags.items()}
        return {kind: [plain(name) for name in names] for kind, names in (self.details | counted).items() if names}

    def summary(self) -> str:
        return (
            f"{self.created} created, {self.updated} updated, {self.unchanged} unchanged, "
            f"{len(self.left_alone)} left alone, {len(self.failures)} failed; "
            f"{self.media} media stored, {self.media_missing} not there; "
            f"{self.converted.total()} template remnants converted, {self.dropped.total()} dropped; "
            f"{self.redirects} redirects, {len(self.warnings)} warnings."
        )


def plain(value: Any) -> Any:
    """Without half surrogate pairs, which are bytes of file names, and numbers that JSON does not have."""
    match value:
        case dict():
            return {plain(str(key)): plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case str():
            return value.encode(errors="backslashreplace").decode()
        case float():
            return value if isfinite(value) else None
        case None | bool() | int():
            return value
    return plain(str(value))
