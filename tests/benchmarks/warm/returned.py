"""The return of warming in a run, as the site counts it, beside a replay of the log of all reads.

The benchmark knows each read, with the version of the page that it got; the site notes each version that warming has
stored, with its mark. From these two lists follows what the site should have counted.
"""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from content.caching.warm_plan import is_wait_spared
from tests.benchmarks.readers import Read
from tests.benchmarks.tables import new_table
from tests.benchmarks.warm.versions import Version, read_versions
from tests.support.service import manage

PLANS = ("hot", "site")
COLUMNS = ("warmed", "read", "ended unread", "share read", "s of waiting saved")
# Seconds after which each process has reported its reads, and the loop has judged all versions that have ended.
SETTLED = 20.0


@dataclass(frozen=True)
class Returned:
    """Versions of one plan. `unread`: those that ended without a read. `saved`: seconds."""

    warmed: float = 0
    read: float = 0
    unread: float = 0
    saved: float = 0.0

    @property
    def share(self) -> float:
        """The share that was read, of versions that were read or have ended; 1 if there are none."""
        return self.read / (self.read + self.unread) if self.read + self.unread else 1.0


ByPlan = dict[str, Returned]


def replay(reads: Iterable[Read], versions: Sequence[Version], ended_at: float) -> ByPlan:
    """The return of pages, by plan. `ended_at`: Unix seconds, when nobody reads any more."""
    stored = {each.version: each for each in versions if each.version}
    last = {each.key: each.made_at for each in versions}
    found = {each.fresh_version for each in reads}

    def has_ended(each: Version) -> bool:
        return each.made_at < last[each.key] or each.fresh_until <= ended_at

    rows = ByPlan()
    for plan in PLANS:
        warmed = [each for each in stored.values() if each.plan == plan]
        read = [each for each in warmed if each.version in found]
        unread = sum(each.version not in found and has_ended(each) for each in warmed)
        saved = sum(each.cost for each in read if is_wait_spared(each.mark))
        rows[plan] = Returned(len(warmed), len(read), unread, saved)
    return rows


def read_counted(environment: dict[str, str]) -> tuple[ByPlan, ByPlan]:
    """The return by plan, as the site counts it: of pages, and of all entries."""
    rows = json.loads(manage(environment, "cache_stats", "--json"))["warming"]["return"]
    return sum_rows(row for row in rows if row["resource"] == "page"), sum_rows(rows)


def sum_rows(rows: Iterable[dict[str, float | str]]) -> ByPlan:
    found = list(rows)

    def total(plan: str, name: str) -> float:
        return sum(float(row[name]) for row in found if row["plan"] == plan)

    return {
        plan: Returned(*(total(plan, name) for name in ("warmed", "read", "unread", "saved_seconds")))
        for plan in PLANS
    }


def measure_return(environment: dict[str, str], reads: Sequence[Read], file: Path) -> tuple[ByPlan, ByPlan, ByPlan]:
    """What is counted of pages, what the replay finds, and what is counted of all entries.

    Waits until all is counted: nobody may read meanwhile. `file`: the notes of versions.
    """
    ended_at = time.time()
    time.sleep(SETTLED)
    pages, everything = read_counted(environment)
    return pages, replay(reads, read_versions(file), ended_at), everything


def table_of_return(pages: ByPlan, replayed: ByPlan, everything: ByPlan) -> Table:
    table = new_table(COLUMNS)
    for plan in PLANS:
        add_row(table, f"{plan}: pages, as the site counts", pages[plan])
        add_row(table, f"{plan}: pages, by the replay", replayed[plan])
        add_row(table, f"{plan}: all entries, as the site counts", everything[plan])
    return table


def add_row(table: Table, name: str, each: Returned) -> None:
    numbers = (f"{each.warmed:,.0f}", f"{each.read:,.0f}", f"{each.unread:,.0f}")
    table.add_row(name, *numbers, f"{each.share:.1%}", f"{each.saved:,.1f}")


def compare(pages: ByPlan, replayed: ByPlan) -> str:
    """In a sentence."""
    differ = [plan for plan in PLANS if pages[plan].read != replayed[plan].read]
    if differ:
        return f"The replay of all reads DIFFERS from what the site counts: {', '.join(differ)}."
    return "The replay of all reads finds as many versions read as the site counts."
