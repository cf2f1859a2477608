"""A panel of the dashboard: a table with its age. Its source reads it at an interval, and may fail alone."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from content.ops.state.cached_result import CachedResult

logger = logging.getLogger(__name__)

ALIAS = "default"
# Seconds that a snapshot waits for a panel.
PATIENCE = 0.8
# Seconds for which a panel that is merely slow shows its last values as they are; their age is shown.
GRACE = 10.0
# Rows of a table, and characters of a cell.
MOST_ROWS, LONGEST_CELL = 30, 200


class Column(msgspec.Struct, frozen=True):
    """`is_number`: its cells are aligned to the right."""

    title: str
    is_number: bool = False


class Row(msgspec.Struct, frozen=True):
    """Cells as text, with their units.

    state  "bad" or "good" for rows that are marked; "" for others
    link   the address of a page that says more about the first cell
    verbs  what an operator may do with the row: buttons, which post to `action`
    """

    cells: tuple[str, ...]
    state: str = ""
    link: str = ""
    action: str = ""
    verbs: tuple[str, ...] = ()


class Panel(msgspec.Struct, frozen=True):
    """at: Unix seconds of its values, 0 if it was never read. status: "ok", or "failed"; then `note` says why."""

    at: float
    title: str
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    status: str = "ok"
    note: str = ""


@dataclass(frozen=True)
class Reading:
    """The result of a source. `note`: a sentence below the table.

    counters only grow within an epoch; gauges are values of now. Both are named "subject.detail".
    """

    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    note: str = ""
    counters: dict[str, float] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)


class Source:
    """Reads one panel, at most once in `seconds` for all who ask, and returns the last values in between.

    A failure is a panel with the last rows and the reason. Its gauges and counters are left out then.
    """

    def __init__(
        self, name: str, title: str, read: Callable[[], Awaitable[Reading]], *, seconds: float = 1.0
    ) -> None:
        self.name = name
        self.title = title
        self.seconds = seconds
        self._read = read
        self._cached = CachedResult(self._attempt, seconds)
        self._last: tuple[float, Reading] = (0.0, Reading())

    async def read(self) -> tuple[Panel, Reading]:
        """Raises nothing."""
        try:
            failure = await asyncio.wait_for(self._cached.get(), PATIENCE)
        except TimeoutError:
            # The attempt goes on, and the next snapshot has its result.
            is_recent = time.time() - self._last[0] < GRACE
            failure = None if is_recent else f"It did not answer within {PATIENCE:g} s."
        at, reading = self._last
        panel = Panel(at, self.title, reading.columns, limit_rows(reading.rows), note=reading.note)
        if failure is None:
            return panel, reading
        # The next snapshot asks again: one that failed is not kept for the whole interval.
        self._cached.clear()
        note = f"Cannot read this panel. {failure}" + (" The values are the last known." if at else "")
        return msgspec.structs.replace(panel, status="failed", note=note), Reading()

    async def _attempt(self) -> str | None:
        """The reason of a failure."""
        try:
            self._last = (time.time(), await self._read())
        except Exception as error:
            # Only the type: the text of an error may have addresses and passwords.
            logger.debug("The panel %s cannot be read.", self.name, exc_info=error)
            return f"{type(error).__name__}."
        return None

    def clear(self) -> None:
        self._cached.clear()


def limit_rows(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(
        msgspec.structs.replace(row, cells=tuple(cell[:LONGEST_CELL] for cell in row.cells))
        for row in rows[:MOST_ROWS]
    )


def texts(*titles: str) -> tuple[Column, ...]:
    return tuple(Column(title) for title in titles)


def numbers(*titles: str) -> tuple[Column, ...]:
    return tuple(Column(title, is_number=True) for title in titles)
