"""Coverage: the share of a set of entries that is fresh now, in Redis or in the memory of a process.

The sets are the 100 and the 1,000 hottest entries, the whole hot set, and the whole site. `read_coverage` is for
reports: it takes what the control loop knows, and reads the headers itself where no loop lives.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from content.caching.engine import Engine
from content.caching.engines import engine_of
from content.caching.headers import StoredHeader, read_headers
from content.warming.hot_set import MOST, HotTarget, ReadHottest, find_targets, read_hottest
from content.warming.kinds import Kind, is_known, kind_of

ALIAS = "default"
HOT, SITE = "hot", "site"
# The hottest entries that each set has.
SETS = {"100": 100, "1000": 1000, HOT: MOST}
# Names that are decoded before other tasks of the event loop run: about a millisecond.
NAMES_AT_ONCE = 50


class Share(NamedTuple):
    """The share of some entries that is fresh."""

    fresh: int = 0
    entries: int = 0

    @property
    def ratio(self) -> float:
        """1 for an empty set: nothing is lacking."""
        return self.fresh / self.entries if self.entries else 1.0

    def as_data(self) -> dict[str, Any]:
        return {"fresh": self.fresh, "entries": self.entries, "share": self.ratio}

    def __str__(self) -> str:
        # Rounded down: 100 % means all.
        return f"{int(self.ratio * 1000) / 10:g} %"


class Row(msgspec.Struct, frozen=True, array_like=True):
    """The share of one kind of entries in one set."""

    set: str
    resource: str
    page: str
    fresh: int
    entries: int


class Coverage(msgspec.Struct, frozen=True):
    """Counts by set and kind. They are stored in Redis as a list of rows."""

    rows: tuple[Row, ...] = ()

    @classmethod
    def of(cls, sets: Mapping[str, "Counts"]) -> "Coverage":
        return cls(
            tuple(
                Row(name, kind.resource, kind.page, fresh, entries)
                for name, counts in sets.items()
                for kind, (fresh, entries) in sorted(counts.by_kind.items())
            )
        )

    def of_set(self, name: str) -> Share:
        rows = [row for row in self.rows if row.set == name]
        return Share(sum(row.fresh for row in rows), sum(row.entries for row in rows))

    def has(self, name: str) -> bool:
        return any(row.set == name for row in self.rows)

    def by_kind(self, name: str) -> dict[Kind, Share]:
        return {Kind(row.resource, row.page): Share(row.fresh, row.entries) for row in self.rows if row.set == name}

    def as_data(self) -> dict[str, Any]:
        """The counts of each set as JSON, and the same by kind of entry."""
        sets = [name for name in (*SETS, SITE) if self.has(name)]
        return {name: self.of_set(name).as_data() | {"kinds": self._kinds_as_data(name)} for name in sets}

    def _kinds_as_data(self, name: str) -> dict[str, Any]:
        return {str(kind): share.as_data() for kind, share in self.by_kind(name).items()}

    def readable(self) -> "Coverage":
        """Leave out values that no process of this site reports: they were read from a shared store."""
        known = {(row.set, row.resource, row.page): row for row in self.rows if _is_readable(row)}
        return Coverage(tuple(known.values()))


def _is_readable(row: Row) -> bool:
    is_ours = row.set in (*SETS, SITE) and is_known(Kind(row.resource, row.page))
    return is_ours and 0 <= row.fresh <= row.entries < 2**53


class Counts:
    """The number of fresh entries of a set, and of all, for each kind."""

    def __init__(self) -> None:
        self.by_kind: dict[Kind, list[int]] = {}

    def add(self, kind: Kind, *, is_fresh: bool) -> None:
        counts = self.by_kind.setdefault(kind, [0, 0])
        counts[0] += is_fresh
        counts[1] += 1

    def add_all(self, other: "Counts") -> None:
        for kind, (fresh, entries) in other.by_kind.items():
            counts = self.by_kind.setdefault(kind, [0, 0])
            counts[0] += fresh
            counts[1] += entries

    def copy(self) -> "Counts":
        other = Counts()
        other.add_all(self)
        return other


def count_hottest(entries: Iterable[tuple[Kind, bool]]) -> dict[str, Counts]:
    """The coverage of each set.

    Takes the kinds of the hottest entries, and whether they are fresh; the hottest first.
    """
    counts, found = Counts(), dict[str, Counts]()
    ends = {size: name for name, size in SETS.items()}
    for number, (kind, is_fresh) in enumerate(entries, 1):
        counts.add(kind, is_fresh=is_fresh)
        if number in ends:
            found[ends[number]] = counts.copy()
    return {name: found.get(name, counts) for name in SETS}


# --- in Redis ---------------------------------------------------------------------------------------------


async def measure_coverage(
    most: int = MOST, read: ReadHottest = read_hottest, engine: Engine | None = None
) -> Coverage | None:
    """The coverage of the `most` hottest entries, by their headers in the shared tier: about 0.2 s for 5,000.

    None if nothing can be said: the cache does not answer, or invalidations may have been missed.
    """
    engine = engine if engine is not None else engine_of(ALIAS)
    hottest = await read(most)
    targets = dict[str, HotTarget]()
    for first in range(0, len(hottest), NAMES_AT_ONCE):
        targets |= find_targets(hottest[first : first + NAMES_AT_ONCE])
        await asyncio.sleep(0)
    stored = await read_headers(engine.tiers, list(targets))
    if stored is None:
        return None
    now = engine.clock()
    return Coverage.of(
        count_hottest((kind_of(each.target), is_fresh(stored.get(key), now)) for key, each in targets.items())
    )


def is_fresh(stored: StoredHeader | None, now: float) -> bool:
    return stored is not None and stored.fresh_for(now) > 0


# --- in sentences -----------------------------------------------------------------------------------------


def describe_coverage(coverage: Coverage | None, where: str = "in Redis") -> str:
    """One sentence, for reports of runs and `cache_stats`."""
    if coverage is None:
        return f"What is fresh {where} is not known: the cache does not answer."
    parts = [f"{coverage.of_set(name)} of the {size:,} hottest" for name, size in SETS.items() if name != HOT]
    hot = coverage.of_set(HOT)
    parts.append(f"{hot} of all {hot.entries:,} hot entries")
    if coverage.has(SITE):
        site = coverage.of_set(SITE)
        parts.append(f"{site} of all {site.entries:,} entries of the site")
    return f"Fresh {where}: {', '.join(parts)}."


def find_gaps(coverage: Coverage, name: str) -> Iterator[tuple[Kind, Share]]:
    """The kinds of a set of which not all entries are fresh, the largest gap first."""
    shares = coverage.by_kind(name).items()
    gaps = [(kind, share) for kind, share in shares if share.fresh < share.entries]
    yield from sorted(gaps, key=lambda each: each[1].fresh - each[1].entries)
