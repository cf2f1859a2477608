"""Database triggers of watched models: write, compare and mend them.

A trigger's name ends in a hash of its text, so that one of an older declaration is known by its name. Statements that
change more than MAX_ROWS rows are one coarse change.

Triggers are replaced under a lock, so no write passes between the old and the new ones. Columns that the old ones
reported need no coarse change. A new column needs none either, while no process of its release has read it.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import attrgetter

from django.db import OperationalError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from . import postgresql, sqlite
from .declaration import Watch, watches
from .models import WatchedChange
from .outbox import ALL_ROWS
from .plans import Plan, list_altered_fields, list_declared_fields
from .reported import Columns, Reported, own_columns, read_comment

logger = logging.getLogger("content.caching")

PREFIX = "evergreen_"
DIALECTS = {"postgresql": postgresql, "sqlite": sqlite}
# A trigger is created under a lock for which a long transaction may make us wait, and all later writers behind us.
LONGEST_WAIT_FOR_LOCK = timedelta(seconds=2)
# Names of tables, and their columns.
Tables = Mapping[str, frozenset[str]]
# Whether a process of this release may have read.
HasRun = Callable[[], bool]
# Rows of one statement (PostgreSQL), or between two runs of the relay (SQLite), that are named one by one.
MAX_ROWS = 1000
NOTHING = Columns()


@dataclass(frozen=True)
class Trigger:
    """`statements` create it, in this order."""

    name: str
    statements: tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """A fault in the triggers of a table, in words for an operator."""

    watch: Watch
    reason: str

    def __str__(self) -> str:
        return f"{self.watch.table}: {self.reason}"


def build_triggers(
    connection: BaseDatabaseWrapper, watch: Watch, *, exact: bool = True, kept: Columns = NOTHING
) -> list[Trigger]:
    """Build the triggers of a table.

    Without `exact` each write is a coarse change, and no column is named: for altered tables. Columns that the table
    lacks are left out: they were taken back. `kept`: columns of the release before that are reported as well. Names
    of triggers do not depend on them.
    """
    dialect, own = DIALECTS[connection.vendor], own_columns(watch).among(_columns(connection, watch))
    named = dialect.templates(connection, watch, Reported(own) if exact else None, MAX_ROWS)
    templates = (
        dialect.templates(connection, watch, Reported(own, kept), MAX_ROWS) if exact and kept != NOTHING else named
    )
    triggers = []
    for event, template in templates.items():
        digest = hashlib.sha256("\0".join(named[event]).encode()).hexdigest()[:12]
        name = f"{PREFIX}{event}_{digest}"
        triggers.append(Trigger(name, tuple(text.replace("%NAME%", name) for text in template)))
    return triggers


def find_faults(using: str = "default") -> list[Fault]:
    """Triggers that are missing, outdated or disabled."""
    connection = connections[using]
    return [Fault(watch, reason) for watch in watches_of(using) for reason in list_faults(connection, watch)]


def list_faults(connection: BaseDatabaseWrapper, watch: Watch) -> Iterator[str]:
    """Why the triggers of one model are not as declared. It only reads."""
    found = DIALECTS[connection.vendor].list_triggers(connection, watch.table, PREFIX)
    wanted = {trigger.name for trigger in build_triggers(connection, watch)}
    if missing := wanted - found.keys():
        outdated = found.keys() - wanted
        number = "1 trigger is" if len(missing) == 1 else f"{len(missing)} triggers are"
        yield f"{number} {'outdated' if outdated else 'missing'}"
    if disabled := sorted(name for name in wanted & found.keys() if found[name] is None):
        yield f"{', '.join(disabled)} not enabled in every session"


def mend_triggers(
    using: str = "default", *, replace: bool = True, before: Tables | None = None, has_run: HasRun = lambda: True
) -> list[Fault]:
    """Create what is missing, replace what is outdated, enable what is disabled. Returns what was mended.

    Writes since the fault were not seen: they count as a write to all rows. On PostgreSQL a table that is locked for
    longer than two seconds is left as it is, with a warning; one of `before` is waited for. Without `replace`, whole
    triggers of another declaration stay: two releases that run side by side would replace each other's for ever, and
    only `migrate` decides. `before`: the columns of each table when the migrations began that run now.
    """
    mended: list[Fault] = []
    for watch, faults in groupby(find_faults(using), key=attrgetter("watch")):
        found = list(faults)
        if not replace and _has_whole_triggers(connections[using], watch):
            continue
        connection = connections[using]
        try:
            if before is None:
                _install(connection, watch, wait=LONGEST_WAIT_FOR_LOCK)
            else:
                _install(connection, watch, existed=before.get(watch.table, frozenset()), has_run=has_run)
        except OperationalError as error:
            for fault in found:
                logger.warning(
                    "Cannot mend the triggers of %s; its writes may go unseen until the next try: %s", fault, error
                )
            continue
        for fault in found:
            logger.log(logging.WARNING if before is None else logging.INFO, "Mended the triggers of %s.", fault)
        mended += found
    return mended


def _has_whole_triggers(connection: BaseDatabaseWrapper, watch: Watch) -> bool:
    """Whether each event has an enabled trigger, of whatever declaration."""
    found = DIALECTS[connection.vendor].list_triggers(connection, watch.table, PREFIX)
    return _is_whole(connection, watch, found)


def _is_whole(connection: BaseDatabaseWrapper, watch: Watch, found: Mapping[str, str | None]) -> bool:
    enabled = {_event_of(name) for name, text in found.items() if text is not None}
    return enabled >= {_event_of(trigger.name) for trigger in build_triggers(connection, watch)}


def _event_of(name: str) -> str:
    return name.removeprefix(PREFIX).rpartition("_")[0]


def columns_of_tables(using: str) -> Tables:
    """The columns that each watched table has now."""
    return {watch.table: _columns(connections[using], watch) for watch in watches_of(using)}


def prepare_for_plan(plan: Plan, using: str) -> None:
    """Before migrations run: let no trigger name a column that they may take away or alter."""
    for watch in watches_of(using):
        altered, connection = list_altered_fields(plan, watch), connections[using]
        if altered:
            has_own = _columns(connection, watch).issuperset(watch.columns)
            _install(connection, watch, exact=has_own and altered.isdisjoint(list_declared_fields(watch)), keep=False)


def _install(
    connection: BaseDatabaseWrapper,
    watch: Watch,
    *,
    exact: bool = True,
    keep: bool = True,
    wait: timedelta | None = None,
    existed: frozenset[str] | None = None,
    has_run: HasRun = lambda: True,
) -> None:
    """Replace its triggers, and note a coarse change where a write may have passed unseen.

    `keep`: report the columns of the triggers before as well. `existed`: the columns that the table had before the
    migrations that run now; None: all.
    """
    using, dialect = connection.alias, DIALECTS[connection.vendor]
    with transaction.atomic(using), connection.cursor() as cursor:
        if wait is not None and connection.vendor == "postgresql":
            cursor.execute(f"SET LOCAL lock_timeout = {int(wait.total_seconds() * 1000)}")
        dialect.lock(connection, watch.table)
        found, columns = dialect.list_triggers(connection, watch.table, PREFIX), _columns(connection, watch)
        before, own = _reported_by_all(connection, watch, found), own_columns(watch).among(columns)
        kept = before.own.among(columns).without(own) if before and keep else NOTHING
        _drop_triggers(connection, watch)
        for trigger in build_triggers(connection, watch, exact=exact, kept=kept):
            for statement in trigger.statements:
                cursor.execute(statement)
        unseen = set() if before is None else set(own.watched).difference(before.all.watched)
        is_new = existed is not None and existed.isdisjoint(unseen)
        # Under the lock: a process that notes its release later reads later.
        if before is None or (exact and unseen and (not is_new or has_run())):
            WatchedChange.objects.using(using).create(model=watch.label, changes=ALL_ROWS)


def _reported_by_all(
    connection: BaseDatabaseWrapper, watch: Watch, found: Mapping[str, str | None]
) -> Reported | None:
    """The columns that triggers for all events report. None if some are missing, disabled, or do not say."""
    if not _is_whole(connection, watch, found):
        return None
    reported = {read_comment(text or "") for text in found.values()}
    return reported.pop() if len(reported) == 1 else None


def _columns(connection: BaseDatabaseWrapper, watch: Watch) -> frozenset[str]:
    with connection.cursor() as cursor:
        return frozenset(each.name for each in connection.introspection.get_table_description(cursor, watch.table))


def _drop_triggers(connection: BaseDatabaseWrapper, watch: Watch) -> None:
    dialect = DIALECTS[connection.vendor]
    with connection.cursor() as cursor:
        for name in dialect.list_triggers(connection, watch.table, PREFIX):
            for statement in dialect.drop(connection, watch.table, name):
                cursor.execute(statement)


def watches_of(using: str) -> list[Watch]:
    """Watched models whose tables are in that database, if it is one that has triggers here."""
    connection = connections[using]
    if connection.vendor not in DIALECTS or not router.allow_migrate_model(using, WatchedChange):
        return []
    tables = set(connection.introspection.table_names())
    if WatchedChange._meta.db_table not in tables:
        return []
    return [
        watch
        for watch in watches.values()
        if watch.table in tables and router.allow_migrate_model(using, watch.model)
    ]
