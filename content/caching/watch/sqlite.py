"""Triggers for SQLite: one for each event and row. A counter of the model bounds the rows that they write.

SQLite drops the triggers of a table that is rebuilt, as Django's migrations do. INSERT OR REPLACE deletes a row
without a trigger, unless `recursive_triggers` is on, as it is in Django's connections (own_writes.py).
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from .declaration import Watch
from .models import PendingChanges, WatchedChange
from .reported import Columns, Reported

_TRIGGER = """
CREATE TRIGGER %NAME% AFTER {event} ON {table} WHEN {number} <= {bound}{differ} BEGIN
  {comment}
  INSERT INTO {counters} (model, number) VALUES ({label}, 1) ON CONFLICT (model) DO UPDATE SET number = number + 1;
  INSERT INTO {outbox} (model, changes) VALUES ({label}, CASE WHEN {number} <= {bound} THEN {changes} ELSE '"*"' END);
END
"""


def templates(
    connection: BaseDatabaseWrapper, watch: Watch, reported: Reported | None, bound: int
) -> dict[str, tuple[str, ...]]:
    """The statement that creates the trigger of each event, with %NAME% for the name. None reports no single row."""
    quote, label = connection.ops.quote_name, _literal(watch.label)
    counters = quote(PendingChanges._meta.db_table)
    number = f"coalesce((SELECT number FROM {counters} WHERE model = {label}), 0)"  # noqa: S608  # names of ours
    found: dict[str, tuple[str, ...]] = {}
    for event in ("insert", "update", "delete"):
        differ = f" AND ({_differ(quote, watch.key, reported.all)})" if reported and event == "update" else ""
        text = _TRIGGER.format(
            event=event.upper(),
            table=quote(watch.table),
            number=number,
            bound=bound,
            differ=differ,
            comment=reported.comment if reported else "",
            counters=counters,
            outbox=quote(WatchedChange._meta.db_table),
            label=label,
            changes=_changes(quote, watch.key, reported.all, event) if reported else "'\"*\"'",
        )
        found[event] = (text,)
    return found


def _differ(quote, key: str, columns: Columns) -> str:  # type: ignore[no-untyped-def]
    names = dict.fromkeys((key, *columns.watched))
    return " OR ".join(f"old.{quote(name)} IS NOT new.{quote(name)}" for name in names)


def _changes(quote, key_column: str, columns: Columns, event: str) -> str:  # type: ignore[no-untyped-def]
    key = quote(key_column)
    old, new = (_state(quote, columns.reads, each) for each in ("old", "new"))
    gone, come = (
        f"json_array(old.{key}, {old}, NULL, json_array())",
        f"json_array(new.{key}, NULL, {new}, json_array())",
    )
    if event == "insert":
        return f"json_array({come})"
    if event == "delete":
        return f"json_array({gone})"
    names = ", ".join(
        f"CASE WHEN old.{quote(column)} IS NOT new.{quote(column)} THEN {_literal(column)} END"
        for column in columns.watched
    )
    # A row whose key was changed is one that went and one that came.
    return (
        f"CASE WHEN old.{key} IS new.{key} THEN json_array(json_array(new.{key}, {old}, {new}, json_array({names}))) "
        f"ELSE json_array({gone}, {come}) END"
    )


def _state(quote, reads: tuple[str, ...], row: str) -> str:  # type: ignore[no-untyped-def]
    pairs = ", ".join(f"{_literal(column)}, {row}.{quote(column)}" for column in reads)
    return f"json_object({pairs})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def lock(connection: BaseDatabaseWrapper, table: str) -> None:
    """Not needed: a transaction that reads and then writes fails if another one wrote between."""


def list_triggers(connection: BaseDatabaseWrapper, table: str, prefix: str) -> dict[str, str | None]:
    """The texts of the table's triggers whose names begin so; SQLite cannot disable one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master "
            "WHERE type = 'trigger' AND tbl_name = %s AND substr(name, 1, %s) = %s",
            [table, len(prefix), prefix],
        )
        return dict(cursor.fetchall())


def drop(connection: BaseDatabaseWrapper, table: str, name: str) -> list[str]:
    return [f"DROP TRIGGER {connection.ops.quote_name(name)}"]
