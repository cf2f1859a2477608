"""Relay the outbox: append the tags of each change to the invalidation log, and note that it was done.

1. A trigger writes the row in the writer's statement: no commit without it.
2. After its commit the writer's process relays its own rows (own_writes.py), so that its next read is new.
3. Any other process relays the rest: of psql, of processes that died, of an append that the log refused.
4. A row is kept for a while after its append, and appended again if the log's epoch has ended since: a server that
   was promoted may lack the record (rule 12 of docs/protocol.md).

A record that is appended twice misses nothing, but pages are made twice. So a row keeps the tags that were appended
for it, and the relay of another release appends only where it would append others. Rows are taken because they exist,
never by a number that grows: transactions do not commit in the order of their numbers (rule 1).
"""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Literal

import msgspec
from django.db import DatabaseError, connections, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest, Now

from ..errors import CacheError
from ..invalidation import invalidate_sync, orderings
from ..tracing import begin_trace, note
from . import outbox
from .declaration import ALL, Change, Watch, digest_of_watches, watches
from .models import PendingChanges, WatchedChange
from .outbox import ALL_ROWS, OutboxRow
from .triggers import MAX_ROWS

logger = logging.getLogger("content.caching")

# A process that has named itself relays its own rows. After this time any other process does, as it may have died.
WRITERS_TIME = timedelta(milliseconds=10)
# How long a row is kept after its append, and one that was set aside.
KEPT = timedelta(minutes=2)
KEPT_FAILED = timedelta(days=7)
# Rows of the outbox that are appended together.
ROWS_A_RUN = MAX_ROWS + 1
# How long a relay keeps rows locked while it appends. Then another one takes them.
LONGEST_APPEND = timedelta(seconds=10)
MAX_FAILURE_LENGTH = 500

# Characters that name an epoch: 48 bits.
EPOCH_LENGTH = 12

_State = dict[str, Any] | None
_Read = Callable[[], list[OutboxRow]]


class _ChangedRow(msgspec.Struct, array_like=True):
    """As triggers write it. Further members, of a later version, are ignored."""

    key: Any
    old: _State
    new: _State
    columns: list[str | None]


_decode = msgspec.json.Decoder(Literal["*"] | list[_ChangedRow]).decode


def relay_own(using: str, writer: str) -> int:
    """Append all that this process has committed. Returns the number of rows; fewer if the log refuses them.

    Rows of writers without a name are taken along. Rows past the bound of a run wait for another process, and count
    as a change of all rows until then. Raises NotAppended if another process may have taken ours, and the log does
    not say what it has.
    """
    connection = connections[using]

    def read() -> list[OutboxRow]:
        found = outbox.read_own(connection, writer, ROWS_A_RUN)
        if len(found) == ROWS_A_RUN:
            found += [OutboxRow(0, model, ALL_ROWS) for model in outbox.list_own_models(connection, writer)]
        return found

    # A writer lowers SQLite's counter only where it nears its bound: that takes four statements.
    done = _relay_found(read, using, counted_above=MAX_ROWS // 2)
    if not done:
        # Another process has appended them, or nothing was to append.
        for ordering in orderings(None):
            ordering.catch_up_sync()
    return done


def relay_waiting(using: str = "default", *, recheck: bool = True) -> int:
    """Append the rows of all writers that wait. Several processes may do so at once. Returns the number of rows.

    recheck: if none waits, append again those that a log of this process lacks. This reads the whole outbox.
    """
    connection = connections[using]
    done = _relay_locked(partial(outbox.read_waiting, connection, WRITERS_TIME, ROWS_A_RUN), using)
    if done or not recheck:
        return done
    return _relay_locked(partial(outbox.read_appended_elsewhere, connection, current_epochs(), ROWS_A_RUN), using)


def _relay_locked(read: _Read, using: str) -> int:
    """Lock the rows until they are marked, where the database can skip locked rows."""
    if not connections[using].features.has_select_for_update_skip_locked:
        return _relay_found(read, using)
    with transaction.atomic(using):
        found = read()
        if found:
            _bound_the_locks(using)
        return _relay(found, using)


def _bound_the_locks(using: str) -> None:
    """PostgreSQL ends a relay that hangs, or whose host is gone: others skip its rows as long as they are locked."""
    with connections[using].cursor() as cursor:
        milliseconds = int(LONGEST_APPEND.total_seconds() * 1000)
        cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = {milliseconds}")


def prune(using: str = "default") -> int:
    """Delete rows that were appended long ago. Returns their number.

    A transaction may have written them long before its commit, so the time of the append counts.
    """
    done = WatchedChange.objects.using(using).exclude(epoch="")
    # A row without a time was appended by a release that noted none.
    since = Coalesce("appended_at", "created_at")
    old = done.alias(since=since).filter(Q(failure="", since__lt=Now() - KEPT) | Q(since__lt=Now() - KEPT_FAILED))
    return old.delete()[0]


def current_epochs() -> list[str]:
    """Names the epoch of each log that this process follows, with its declarations of watched models.

    One name for each, so that processes that follow different logs know what is appended to their own. A release with
    other declarations appends its own tags for each change: those of the writer's say nothing to its entries.
    """
    indexes = (getattr(ordering, "tag_index", None) for ordering in orderings(None))
    epochs = [index.epoch or "lost" for index in indexes if index is not None] or ["counters"]
    declared = digest_of_watches()
    return [f"{hashlib.sha256(f'{epoch} {declared}'.encode()).hexdigest()[:EPOCH_LENGTH]}," for epoch in epochs]


def name_logs() -> str:
    """Names the epochs of all logs that this process follows, the same in each release. Empty if one is unknown."""
    indexes = (getattr(ordering, "tag_index", None) for ordering in orderings(None))
    epochs = [index.epoch for index in indexes if index is not None]
    return ",".join(map(str, epochs)) if all(epochs) else ""


def current_epoch() -> str:
    """The mark of a row that this process has appended to all its logs."""
    return "".join(current_epochs())


def _relay_found(read: _Read, using: str, *, counted_above: int = 0) -> int:
    noted = outbox.read_pending_numbers(connections[using], counted_above)
    found = read()
    done = _relay(found, using)
    if noted and done == len(found) and _lower_pending_numbers(using, noted):
        done += _relay(read(), using)
    return done


def _relay(rows: Sequence[OutboxRow], using: str) -> int:
    if not rows:
        return 0
    # Below the writer's span in the writer's process. A row says nothing of the trace that it was written in.
    with begin_trace("relay"):
        note("evergreen.outbox.rows", len(rows))
        note("evergreen.outbox.first_row", rows[0].pk)
        return _append(rows, using)


def _append(rows: Sequence[OutboxRow], using: str) -> int:
    logs, epoch = name_logs(), current_epoch()
    done = {row.pk for row in rows if _is_appended(row, logs)}
    if done:
        outbox.mark_appended(connections[using], sorted(done), epoch)
        rows = [row for row in rows if row.pk not in done]
    if not rows:
        return len(done)
    tags, failures = _tags_of(rows)
    try:
        if tags:
            invalidate_sync(tags)
    except CacheError as error:
        logger.warning("%d changes wait in the outbox: %s", len(rows), error)
        return len(done)
    appended = outbox.AppendedTags(logs, sorted(tags))
    outbox.mark_appended(connections[using], [row.pk for row in rows], epoch, appended)
    for failure in set(failures.values()):
        failed = [pk for pk, each in failures.items() if each == failure]
        WatchedChange.objects.using(using).filter(pk__in=failed).update(failure=failure[:MAX_FAILURE_LENGTH])
    return len(rows) + len(done)


def _is_appended(row: OutboxRow, logs: str) -> bool:
    """Whether another release has appended the tags that this one would: once more, and pages would end twice.

    If one is missing, all are appended again: those of a document go together with its weak form (rule 20).
    """
    if not (logs and row.appended):
        return False
    tags, failures = _tags_of([row])
    return not failures and row.has_appended(logs, tags)


def _tags_of(rows: Sequence[OutboxRow]) -> tuple[set[str], dict[int, str]]:
    """The tags of all rows, and why some could not be read: all rows of their models are invalidated instead."""
    tags, failures = set[str](), dict[int, str]()
    by_model = defaultdict[str, list[OutboxRow]](list)
    for row in rows:
        by_model[row.model].append(row)
    for label, its_rows in by_model.items():
        watch = watches.get(label)
        if watch is None:
            failures |= {row.pk: f"{label} is not watched in this process." for row in its_rows}
            continue
        try:
            tags |= _tags_of_model(watch, its_rows)
        except DatabaseError:
            raise
        except Exception:
            tags |= _tags_one_by_one(watch, its_rows, failures)
    return tags, failures


def _tags_one_by_one(watch: Watch, rows: Iterable[OutboxRow], failures: dict[int, str]) -> set[str]:
    tags = set[str]()
    for row in rows:
        try:
            tags |= _tags_of_model(watch, [row])
        except DatabaseError:
            raise
        except Exception as error:
            logger.exception("Change %s of %s cannot be read: all its documents are invalid.", row.pk, watch.label)
            failures[row.pk] = f"{type(error).__name__}: {error}"
            tags |= watch.coarse_tags
    return tags


def _tags_of_model(watch: Watch, rows: Iterable[OutboxRow]) -> set[str]:
    """Triggers of another release may report columns that this one does not watch: their changes are none here."""
    changes, tags, watched = [], set[str](), frozenset(watch.columns)
    for row in rows:
        decoded = _decode(row.changes)
        if decoded == ALL:
            tags |= watch.coarse_tags
        else:
            found = (_change(watch, each) for each in decoded)
            changes += [change for change in found if change.concerns(watched)]
    if len({change.pk for change in changes}) > MAX_ROWS:
        return watch.coarse_tags
    return tags | watch.tags_of(changes) if changes else tags


def _change(watch: Watch, row: _ChangedRow) -> Change:
    return Change(
        pk=watch.model._meta.pk.to_python(row.key),
        old=row.old,
        new=row.new,
        columns=frozenset(column for column in row.columns if column is not None),
    )


# --- SQLite counts what waits, since its triggers see one row at a time -----------------------------------


def _lower_pending_numbers(using: str, noted: dict[str, int]) -> bool:
    """Take off what was counted before the rows were read. Changes that no trigger has named are one coarse change.

    Returns whether there were such.
    """
    has_unnamed = False
    for label, number in noted.items():
        with transaction.atomic(using):
            counter = PendingChanges.objects.using(using).filter(model=label)
            # Written first, so that no writer comes between.
            counter.update(number=Greatest(F("number") - number, 0))
            left = counter.values_list("number", flat=True).first() or 0
            if left + number > MAX_ROWS:
                has_unnamed = True
                WatchedChange.objects.using(using).create(model=label, changes=ALL_ROWS)
    return has_unnamed
