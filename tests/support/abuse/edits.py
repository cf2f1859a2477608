"""The versions of a page that may still be served."""

from collections import defaultdict
from dataclasses import dataclass, field
from time import monotonic

from tests.support.abuse.pages import COUNT

# Seconds after which a process that has not heard of an edit serves nothing as fresh.
SILENCE = 1.0
# Seconds in which it nearly always has.
PROPAGATION = 0.010


@dataclass(frozen=True)
class Edit:
    """`at`: when its response came. A hard edit invalidates older versions; a soft one expires them."""

    at: float
    version: int
    is_hard: bool


@dataclass
class Edits:
    begun: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    done: dict[int, list[Edit]] = field(default_factory=lambda: defaultdict(list))
    # The longest time, in seconds, that a process served as fresh what another one had invalidated.
    longest_lag: float = 0.0
    # Responses with an old version later than PROPAGATION after its edit.
    late: int = 0

    def note(self, number: int, version: int, *, is_hard: bool) -> None:
        self.done[number].append(Edit(monotonic(), version, is_hard))

    def note_purge(self, versions: list[int], *, is_hard: bool) -> None:
        """`versions`: of all pages, before it began."""
        for number, version in enumerate(versions):
            self.note(number, version, is_hard=is_hard)

    def current(self) -> list[int]:
        return [self.begun[number] for number in range(COUNT)]

    def oldest(self, number: int, began: float, *, stale: bool) -> int:
        """The oldest version that a request of that time may get."""
        for edit in reversed(self.done[number]):
            if edit.at <= began - SILENCE and (edit.is_hard or not stale):
                return edit.version
        return 0

    def allows(self, number: int, version: int, began: float, *, stale: bool) -> bool:
        lag = 0.0 if stale else self.lag(number, version, began)
        self.longest_lag, self.late = max(self.longest_lag, lag), self.late + (lag > PROPAGATION)
        return self.oldest(number, began, stale=stale) <= version <= self.begun[number]

    def lag(self, number: int, version: int, began: float) -> float:
        """Seconds since an edit that ended this version; 0 for the newest."""
        lag = 0.0
        for edit in reversed(self.done[number]):
            if edit.version <= version:
                break
            lag = began - edit.at
        return max(lag, 0.0)
