"""Rows of purges: who started each, what it would touch, and what it did.

A purge is needed most in trouble, so it does not wait for a database that is down. The log has what the row lacks.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import msgspec
from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from content.models import Purge
from content.purging.outcome import Outcome
from content.purging.selection import BadSelection, Selection, one_line, read_selection
from content.purging.sentences import describe_missing

logger = logging.getLogger(__name__)

State = Purge.State
Trigger = Purge.Trigger
# Rows that are kept; bytes of a selection that is stored whole, items of each kind of a larger one, and tags.
MOST_KEPT, MOST_BYTES, FIRST, MOST_TAGS = 500, 64 * 1024, 25, 100
# Seconds for which a purge waits for the database, and after which one that has not ended has died.
PATIENCE, LOST_AFTER = 3.0, 300.0
LONGEST_MESSAGE, LONGEST_NAME = 1000, 150
LOST = "The process of this purge has not reported its end. Purge again: a second purge of the same does no harm."
# The fields of an outcome that a row has.
NUMBERS = (
    *("tags", "tag_count", "touched", "entries", "pages", "bytes", "in_passing", "already_purged", "is_complete"),
    *("judged", "ended", "reached", "deaf"),
)


class PurgeRow:
    """The row of one purge, and the attempts to save it, of which none raises an error of the database."""

    def __init__(self, selection: Selection, *, soft: bool, trigger: str, started_by: str) -> None:
        is_large = len(msgspec.json.encode(selection)) > MOST_BYTES
        self.words = f"{'Soft' if soft else 'Hard'} purge of {selection} by {one_line(started_by) or trigger}"
        self.error: Exception | None = None
        self.saving: asyncio.Task[None] | None = None
        self.purge = Purge(
            selection=(selection.first(FIRST) if is_large else selection).as_data(),
            named=selection.count,
            soft=soft,
            trigger=trigger,
            started_by=one_line(started_by, LONGEST_NAME),
        )

    async def begin(self, planned: Outcome) -> None:
        """Save what the purge would touch, before it does."""
        fill(self.purge, planned)
        await self.save()

    async def finish(self, outcome: Outcome) -> None:
        """Save what it did."""
        await self.end(State.DONE, " ".join(describe_missing(outcome)), outcome)

    async def fail(self, error: Exception) -> None:
        text = f"Some processes may still serve what was purged: {error}. Purge again."
        await self.end(State.FAILED, text)

    async def end(self, state: Purge.State, message: str, outcome: Outcome | None = None) -> None:
        if await self.is_saved_or_failed():
            if outcome is not None:
                fill(self.purge, outcome)
            self.purge.state, self.purge.ended_at = state, timezone.now()
            self.purge.message = message[:LONGEST_MESSAGE]
            await self.save()
        if self.is_recorded:
            logger.info("%s: %s, recorded as purge %s.", self.words, state, self.purge.pk)
        else:
            why = type(self.error).__name__ if self.error is not None else f"silent for {PATIENCE:g} s"
            logger.warning("%s: %s. It is not recorded: the database does not answer (%s).", self.words, state, why)

    @property
    def is_recorded(self) -> bool:
        """Whether the row has all of it."""
        return self.purge.pk is not None and self.error is None and self.saving is not None and self.saving.done()

    async def save(self) -> None:
        """Return when it is saved, or the database has not answered for PATIENCE seconds."""
        self.saving = asyncio.ensure_future(self.attempt())
        await self.is_saved_or_failed()

    async def is_saved_or_failed(self) -> bool:
        """False while the database is silent."""
        if self.saving is None:
            return True
        # Not cancelled: the thread would go on with the row.
        done, _ = await asyncio.wait({self.saving}, timeout=PATIENCE)
        return bool(done)

    async def attempt(self) -> None:
        try:
            await sync_to_async(self.save_row)()
            self.error = None
        except (DatabaseError, InterfaceError) as error:
            self.error = error

    def save_row(self) -> None:
        if self.purge.pk is None:
            prune_purges()
        self.purge.save()


def fill(row: Purge, outcome: Outcome) -> None:
    data = outcome.as_data()
    for name in NUMBERS:
        setattr(row, name, data[name])
    row.tags = outcome.tags[:MOST_TAGS]


def prune_purges() -> int:
    """Delete the oldest rows past MOST_KEPT. Returns how many."""
    last = Purge.objects.order_by("-pk").values_list("pk", flat=True)[MOST_KEPT - 1 : MOST_KEPT]
    return Purge.objects.filter(pk__lte=last[0]).delete()[0] if last else 0


# --- describing -------------------------------------------------------------------------------------------


def describe_purge(row: Purge) -> dict[str, Any]:
    """A row as data: numbers, times in ISO 8601. None where a number is unknown."""
    return {
        "id": row.pk,
        "state": str(row.state),
        "message": message_of(row),
        "trigger": str(row.trigger),
        "started_by": row.started_by,
        "plan": describe_selection(row),
        "selection": row.selection,
        "named": row.named,
        "soft": row.soft,
        **{name: getattr(row, name) for name in NUMBERS},
        "created_at": row.created_at.isoformat(),
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "seconds": round((row.ended_at - row.created_at).total_seconds(), 3) if row.ended_at else None,
    }


def message_of(row: Purge) -> str:
    is_lost = row.state == State.RUNNING and timezone.now() - row.created_at > timedelta(seconds=LOST_AFTER)
    return LOST if is_lost else row.message


def describe_selection(row: Purge) -> str:
    try:
        selection = read_selection(row.selection)
    except BadSelection as error:
        return str(error)
    left_out = row.named - selection.count
    return f"{selection}{f', and {left_out:,} more' if left_out > 0 else ''}"
