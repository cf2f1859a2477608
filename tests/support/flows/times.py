"""Times until each tier was new, as a table."""

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from tests.support.flows.stage import Record


# From all tests of this process.
records: "list[Record]" = []


def percentile(delays: Sequence[float], percent: float) -> float:
    """The smallest delay that so many percent are not above."""
    ordered = sorted(delays)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def times_table(records: "Sequence[Record]") -> str:
    """In milliseconds, by database and tier."""
    title = (
        "Milliseconds from the commit until the last read began that was old, and until the first new one returned"
    )
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("database", "tier", "ways"):
        table.add_column(name)
    for name in ("sights", "old, p50", "p99", "longest", "new, p50", "p99", "longest"):
        table.add_column(name, justify="right")
    table.add_column("the longest was")
    for database, tier in dict.fromkeys((record.database, record.tier) for record in records):
        own = [record for record in records if (record.database, record.tier) == (database, tier)]
        longest = max(own, key=lambda record: record.old_for)
        numbers = [
            percentile(delays, percent)
            for delays in ([record.old_for for record in own], [record.delay for record in own])
            for percent in (50, 99, 100)
        ]
        ways = len({record.way for record in own})
        table.add_row(
            database, tier, str(ways), str(len(own)), *(f"{1000 * each:.1f}" for each in numbers), longest.way
        )
    output = io.StringIO()
    Console(file=output, width=140).print(table)
    return output.getvalue()
