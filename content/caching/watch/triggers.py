"""Database triggers of watched models: write, compare and mend them.

A trigger's name ends in a hash of its text, so that one of an older declaration is known by its name. Statements that
write more than MAX_ROWS rows are one coarse change.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import attrgetter

from django.db import OperationalError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from . import postgresql, sqlite
from .declaration import Watch, watches
from .models import WatchedChange

logger = logging.getLogger("content.caching")

PREFIX = "evergreen_"
DIALECTS = {"postgresql": postgresql, "sqlite": sqlite}
# A trigger is created under a lock for which a long transaction may make us wait, and all later writers behind us.
LONGEST_WAIT_FOR_LOCK = timedelta(seconds=2)
# Rows of one statement (PostgreSQL), or between two runs of the relay (SQLite), that are named one by one.
MAX_ROWS = 1000


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


def expected_triggers(connection: BaseDatabaseWrapper, watch: Watch, *, exact: bool = True) -> list[Trigger]:
    """The triggers of a table.

    Without `exact` each write is a coarse change, and no column is named: for altered tables.
    """
    dialect = DIALECTS[connection.vendor]
    triggers = []
    for event, template in dialect.templates(connection, watch, MAX_ROWS, exact=exact).items():
        digest = hashlib.sha256("\0".join(template).encode()).hexdigest()[:12]
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
    wanted = {trigger.name for trigger in expected_triggers(connection, watch)}
    if missing := wanted - found.keys():
        outdated = found.keys() - wanted
        number = "1 trigger is" if len(missing) == 1 else f"{len(missing)} triggers are"
        yield f"{number} {'outdated' if outdated else 'missing'}"
    if disabled := sorted(name for name in wanted & found.keys() if not found[name]):
        yield f"{', '.join(disabled)} not enabled in every session"


def mend_triggers(using: str = "default", *, replace: bool = True) -> list[Fault]:
    """Create what is missing, replace what is outdated, enable what is disabled. Returns what was mended.

    Writes since the fault were not seen: they count as a write to all rows. On PostgreSQL a table that is locked for
    longer than two seconds is left as it is, with a warning. Without `replace`, whole triggers of another declaration
    stay: two releases that run side by side would replace each other's for ever, and only `migrate` decides.
    """
    mended: list[Fault] = []
    for watch, faults in groupby(find_faults(using), key=attrgetter("watch")):
        found = list(faults)
        if not replace and _has_whole_triggers(connections[using], watch):
            continue
        try:
            _install(connections[using], watch, wait=LONGEST_WAIT_FOR_LOCK)
        except OperationalError as error:
            for fault in found:
                logger.warning(
                    "Cannot mend the triggers of %s; its writes may go unseen until the next try: %s", fault, error
                )
            continue
        for fault in found:
            logger.warning("Mended the triggers of %s. Its documents are loaded again.", fault)
        mended += found
    return mended


def _has_whole_triggers(connection: BaseDatabaseWrapper, watch: Watch) -> bool:
    """Whether each event has an enabled trigger, of whatever declaration."""
    found = DIALECTS[connection.vendor].list_triggers(connection, watch.table, PREFIX)
    enabled = {_event_of(name) for name, is_enabled in found.items() if is_enabled}
    return enabled >= {_event_of(trigger.name) for trigger in expected_triggers(connection, watch)}


def _event_of(name: str) -> str:
    return name.removeprefix(PREFIX).rpartition("_")[0]


def install_triggers(wanted: Iterable[Watch], using: str = "default", *, exact: bool = True) -> None:
    """(Re)create the triggers of these models, and note a coarse change of each."""
    for watch in wanted:
        _install(connections[using], watch, exact=exact)


def _install(
    connection: BaseDatabaseWrapper, watch: Watch, *, exact: bool = True, wait: timedelta | None = None
) -> None:
    using = connection.alias
    with transaction.atomic(using), connection.cursor() as cursor:
        if wait is not None and connection.vendor == "postgresql":
            cursor.execute(f"SET LOCAL lock_timeout = {int(wait.total_seconds() * 1000)}")
        _drop_triggers(connection, watch)
        for trigger in expected_triggers(connection, watch, exact=exact):
            for statement in trigger.statements:
                cursor.execute(statement)
        WatchedChange.objects.using(using).create(model=watch.label, changes='"*"')


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
