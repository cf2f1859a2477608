"""The outbox in plain SQL. Each commit runs two of these statements, which the ORM would build anew each time."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
from django.db.backends.base.base import BaseDatabaseWrapper

from .models import PendingChanges, WatchedChange

# The changes of an outbox row that stands for all rows of its model.
ALL_ROWS = '"*"'
# Characters of changes that a run reads. Rows past it are read as changes of all rows.
MAX_CHARACTERS = 1_000_000
# Characters of the column of epochs. The oldest are cut off.
MAX_EPOCHS = 100
# Characters of the tags that are noted with the rows of an append, in all. More are not noted, and another release
# appends them again. A statement that wrote 1,000 rows has some 200,000.
MAX_TAGS = 500_000


class AppendedTags(msgspec.Struct, frozen=True):
    """Tags that were appended after the commit of a row, and the epochs of the logs that have them."""

    logs: str
    tags: list[str]


class OutboxRow(NamedTuple):
    """`appended`: AppendedTags as JSON, or nothing."""

    pk: int
    model: str
    changes: str
    appended: str = ""

    def has_appended(self, logs: str, tags: set[str]) -> bool:
        """Whether these logs have all these tags, appended by another release."""
        try:
            known = msgspec.json.decode(self.appended, type=AppendedTags) if self.appended else None
        except msgspec.DecodeError:
            return False
        return known is not None and known.logs == logs and tags.issubset(known.tags)


def read_own(connection: BaseDatabaseWrapper, writer: str, limit: int) -> list[OutboxRow]:
    """Rows of this writer, and of writers without a name, that no log has."""
    return _read(connection, _OWN, [writer], limit)


def list_own_models(connection: BaseDatabaseWrapper, writer: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT model FROM {_table(connection)} WHERE {_OWN}", [writer])  # noqa: S608
        return [model for (model,) in cursor.fetchall()]


def read_waiting(connection: BaseDatabaseWrapper, left_after: timedelta, limit: int) -> list[OutboxRow]:
    """Rows that no log has; those of a writer with a name only once they are that old. Locks them if it can."""
    # The age by the clock of the database, which wrote the time.
    ago = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', %s)"
    if connection.vendor == "postgresql":
        ago = "statement_timestamp() + %s::interval"
    where = f"epoch = '' AND (writer = '' OR created_at < {ago})"
    return _read(connection, where, [f"{-left_after.total_seconds():.3f} seconds"], limit, lock=True)


def read_appended_elsewhere(connection: BaseDatabaseWrapper, epochs: Sequence[str], limit: int) -> list[OutboxRow]:
    """Rows that were appended, but not in each of these epochs. Locks them if it can."""
    lacks_one = " OR ".join(["epoch NOT LIKE %s"] * len(epochs))
    return _read(connection, f"epoch <> '' AND ({lacks_one})", [f"%{epoch}%" for epoch in epochs], limit, lock=True)


def mark_appended(
    connection: BaseDatabaseWrapper, keys: list[int], epoch: str, appended: AppendedTags | None = None
) -> None:
    """Add these epochs to the rows, and the time by the database's clock. None keeps the tags that were noted.

    A row that another relay has locked is marked by that one, or appended again: nobody waits for it.
    """
    table, chosen = _table(connection), "SELECT value FROM json_each(%s)"
    wanted: Any = msgspec.json.encode(keys).decode()
    now = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"
    if connection.features.has_select_for_update_skip_locked:
        chosen, wanted = f"SELECT id FROM {table} WHERE id = ANY(%s) FOR UPDATE SKIP LOCKED", keys  # noqa: S608
    if connection.vendor == "postgresql":
        now = "statement_timestamp()"
    marked, parameters = f"epoch = substr(%s || epoch, 1, {MAX_EPOCHS}), appended_at = {now}", [epoch]
    if appended is not None:
        text = msgspec.json.encode(appended).decode()
        marked, parameters = f"{marked}, tags = %s", [epoch, text if len(text) * len(keys) <= MAX_TAGS else ""]
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {marked} WHERE id IN ({chosen})", [*parameters, wanted])  # noqa: S608


def read_pending_numbers(connection: BaseDatabaseWrapper, above: int) -> dict[str, int]:
    """How many changes of a model SQLite's triggers have counted, if more than that."""
    if connection.vendor != "sqlite":
        return {}
    counters = connection.ops.quote_name(PendingChanges._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT model, number FROM {counters} WHERE number > %s", [above])  # noqa: S608
        return dict(cursor.fetchall())


_OWN = "epoch = '' AND writer IN ('', %s)"
_READ = """
WITH found AS (SELECT id, model, changes, tags FROM {table} WHERE {where} ORDER BY id LIMIT {limit}{lock})
SELECT id, model, CASE WHEN sum(length(changes)) OVER (ORDER BY id) <= {most} THEN changes ELSE '"*"' END,
  CASE WHEN sum(length(tags)) OVER (ORDER BY id) <= {most} THEN tags ELSE '' END
FROM found ORDER BY id"""


def _read(
    connection: BaseDatabaseWrapper, where: str, parameters: list[Any], limit: int, *, lock: bool = False
) -> list[OutboxRow]:
    can_lock = lock and connection.features.has_select_for_update_skip_locked
    text = _READ.format(
        table=_table(connection),
        where=where,
        limit=limit,
        lock=" FOR UPDATE SKIP LOCKED" if can_lock else "",
        most=MAX_CHARACTERS,
    )
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)
        return [OutboxRow(*row) for row in cursor.fetchall()]


def _table(connection: BaseDatabaseWrapper) -> str:
    return connection.ops.quote_name(WatchedChange._meta.db_table)
