"""Triggers for PostgreSQL: one for each event and statement, with transition tables.

PostgreSQL allows no transition tables with a list of columns, or with several events. Functions run as their owner:
who may write the table needs no right to the outbox.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from .declaration import Watch
from .models import WatchedChange
from .reported import Columns, Reported

# A trigger's message to a writer that has named itself, besides the row in the outbox.
REPORT = "Evergreen notes a change of watched rows."
# For each event: the clause of the trigger, transition tables, and the table of the rows that are counted.
_EVENTS = {
    "insert": ("AFTER INSERT", "REFERENCING NEW TABLE AS new_rows", "new_rows"),
    "update": ("AFTER UPDATE", "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows", "new_rows"),
    "delete": ("AFTER DELETE", "REFERENCING OLD TABLE AS old_rows", "old_rows"),
    "truncate": ("AFTER TRUNCATE", "", ""),
}

_FUNCTION = """
CREATE OR REPLACE FUNCTION %NAME%() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $evergreen$
BEGIN
  {comment}
  {body}
  IF FOUND AND {writer} <> '' THEN
    RAISE INFO '{report}';
  END IF;
  RETURN NULL;
END
$evergreen$
"""
_TRIGGER = "CREATE TRIGGER %NAME% {when} ON {table} {tables} FOR EACH STATEMENT EXECUTE FUNCTION %NAME%()"
# In sessions whose session_replication_role is "replica", too: restores and replication change what readers see.
_ALWAYS = "ALTER TABLE {table} ENABLE ALWAYS TRIGGER %NAME%"
_INSERT = "INSERT INTO {outbox} (model, writer, changes) "
_WRITER = "coalesce(current_setting('evergreen.writer', true), '')"
# Rows whose watched columns differ are counted only where the statement wrote many.
_BOUNDED = """
  IF (SELECT count(*) FROM (SELECT 1 FROM {counted} LIMIT {bound} + 1) AS first_rows) > {bound}{many_differ} THEN
    {coarse}
  ELSE
    {named}
  END IF;
"""


_MANY_DIFFER = (
    "\n    AND (SELECT count(*) FROM (SELECT 1 FROM {pairs} WHERE {differ} LIMIT {bound} + 1) AS differing) > {bound}"
)


def templates(
    connection: BaseDatabaseWrapper, watch: Watch, reported: Reported | None, bound: int
) -> dict[str, tuple[str, ...]]:
    """The statements that create the trigger of each event, with %NAME% for the name. None reports no single row."""
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        schema = quote(cursor.fetchone()[0])
    insert = _INSERT.format(outbox=quote(WatchedChange._meta.db_table))
    label = _literal(watch.label)
    coarse = f"{insert} VALUES ({label}, {_WRITER}, '\"*\"');"
    found: dict[str, tuple[str, ...]] = {}
    for event, (when, tables, counted) in _EVENTS.items():
        body = coarse
        if reported and counted:
            named = f"{insert} SELECT {label}, {_WRITER}, {_changes(quote, watch.key, reported.all, event)};"
            many = _many_differ(quote, watch.key, reported.all, bound) if event == "update" else ""
            body = _BOUNDED.format(counted=counted, bound=bound, many_differ=many, coarse=coarse, named=named)
        comment = reported.comment if reported else ""
        found[event] = (
            _FUNCTION.format(schema=schema, comment=comment, body=body, writer=_WRITER, report=REPORT),
            _TRIGGER.format(when=when, table=quote(watch.table), tables=tables if reported else ""),
            _ALWAYS.format(table=quote(watch.table)),
        )
    return found


def _changes(quote, key_column: str, columns: Columns, event: str) -> str:  # type: ignore[no-untyped-def]
    key = quote(key_column)
    old, new = (_state(quote, columns.reads, each) for each in ("o", "n"))
    if event == "insert":
        return f"jsonb_agg(jsonb_build_array(n.{key}, NULL, {new}, '[]'::jsonb)) FROM new_rows n HAVING count(*) > 0"
    if event == "delete":
        return f"jsonb_agg(jsonb_build_array(o.{key}, {old}, NULL, '[]'::jsonb)) FROM old_rows o HAVING count(*) > 0"
    names = ", ".join(
        f"CASE WHEN o.{quote(name)} IS DISTINCT FROM n.{quote(name)} THEN {_literal(name)} END"
        for name in columns.watched
    )
    # A row whose key was changed is one that went and one that came.
    return f"""jsonb_agg(jsonb_build_array(
      coalesce(o.{key}, n.{key}),
      CASE WHEN o.{key} IS NOT NULL THEN {old} END,
      CASE WHEN n.{key} IS NOT NULL THEN {new} END,
      to_jsonb(array_remove(ARRAY[{names}]::text[], NULL))))
    FROM {_pairs(key)} WHERE {_differ(quote, key, columns.watched)} HAVING count(*) > 0"""


def _many_differ(quote, key_column: str, columns: Columns, bound: int) -> str:  # type: ignore[no-untyped-def]
    key = quote(key_column)
    return _MANY_DIFFER.format(pairs=_pairs(key), differ=_differ(quote, key, columns.watched), bound=bound)


def _pairs(key: str) -> str:
    return f"old_rows o FULL JOIN new_rows n ON o.{key} = n.{key}"


def _differ(quote, key: str, watched: tuple[str, ...]) -> str:  # type: ignore[no-untyped-def]
    differ = [f"o.{quote(name)} IS DISTINCT FROM n.{quote(name)}" for name in watched]
    return " OR ".join([f"o.{key} IS NULL", f"n.{key} IS NULL", *differ])


def _state(quote, reads: tuple[str, ...], row: str) -> str:  # type: ignore[no-untyped-def]
    pairs = ", ".join(f"{_literal(column)}, {row}.{quote(column)}" for column in reads)
    return f"jsonb_build_object({pairs})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def lock(connection: BaseDatabaseWrapper, table: str) -> None:
    """Keep readers and writers out until the transaction ends, as dropping a trigger does."""
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {connection.ops.quote_name(table)} IN ACCESS EXCLUSIVE MODE")


def list_triggers(connection: BaseDatabaseWrapper, table: str, prefix: str) -> dict[str, str | None]:
    """The texts of the table's triggers whose names begin so; None for one that does not fire in every session."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, CASE WHEN tgenabled = 'A' THEN prosrc END "
            "FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
            "WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal AND starts_with(tgname, %s)",
            [connection.ops.quote_name(table), prefix],
        )
        return dict(cursor.fetchall())


def drop(connection: BaseDatabaseWrapper, table: str, name: str) -> list[str]:
    quote = connection.ops.quote_name
    return [
        f"DROP TRIGGER {quote(name)} ON {quote(table)}",
        f"DROP FUNCTION IF EXISTS {quote(name)}()",
    ]
