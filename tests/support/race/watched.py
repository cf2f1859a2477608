"""Rows that are written in each way, on a watched table: only triggers and relays announce a write.

Each way commits values that are known exactly, so that the checker can hold them against what is read.
"""

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.db import DatabaseError, connection, models, transaction

from content.caching.watch import Change, relay, triggers, watch
from content.caching.watch.loop import run_relay
from tests.support.race.registers import TABLE, UNCOMMITTED, value_of, values_of

ALL_ROWS = "rows"


class Register(models.Model):
    id = models.IntegerField(primary_key=True)
    value = models.IntegerField()
    objects: ClassVar[models.Manager["Register"]] = models.Manager()

    class Meta:
        app_label = "race"
        db_table = TABLE

    def __str__(self) -> str:
        return f"{self.pk}: {self.value}"

    def _do_update(self, base_qs: Any, *arguments: Any, **options: Any) -> Any:
        """Only if the row still has the value that this one follows: else it would take back a write."""
        if hasattr(self, "follows"):
            base_qs = base_qs.filter(value=self.follows)
        return super()._do_update(base_qs, *arguments, **options)


def tags_of(changes: Sequence[Change]) -> list[str]:
    return [f"row:{change.pk}" for change in changes]


def declare(most_rows: int) -> None:
    """`most_rows`: how many rows are named one by one, before a change is a change of all."""
    modules: tuple[Any, ...] = (triggers, relay)
    for module in modules:
        module.MAX_ROWS = most_rows
    watch(Register, columns=["value"], tags=tags_of, coarse=[ALL_ROWS])


def create_outbox(most_rows: int) -> None:
    declare(most_rows)
    call_command("migrate", verbosity=0)
    triggers.mend_triggers()


def follow_the_outbox() -> None:
    threading.Thread(target=run_relay, args=(threading.Event(),), name="relay", daemon=True).start()


# --- one row, in autocommit ---------------------------------------------------------------------------


def by_save(row: int) -> dict[int, int]:
    while True:
        old = value_of(row)
        register = Register(pk=row, value=old + 1)
        register.follows = old  # type: ignore[attr-defined]
        try:
            register.save(force_update=True)
        except DatabaseError as error:
            if "did not affect any rows" not in str(error):
                raise
        else:
            return {row: old + 1}


def by_update(row: int) -> dict[int, int]:
    while True:
        old = value_of(row)
        if Register.objects.filter(pk=row, value=old).update(value=old + 1):
            return {row: old + 1}


def by_cursor(row: int) -> dict[int, int]:
    """Once more if another writer made the row again at that moment: PostgreSQL does not find it then."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {TABLE} SET value = value + 1 WHERE id = %s RETURNING value", [row])
            found = cursor.fetchone()
        if found:
            return {row: found[0]}


# --- some rows, in a transaction that has locked them -------------------------------------------------


def save_each(new: dict[int, int]) -> None:
    for row, value in new.items():
        Register(pk=row, value=value).save(force_update=True)


def update(new: dict[int, int]) -> None:
    Register.objects.filter(pk__in=new).update(value=models.F("value") + 1)


def bulk_update(new: dict[int, int]) -> None:
    Register.objects.bulk_update([Register(pk=row, value=value) for row, value in new.items()], ["value"])


def upsert(new: dict[int, int]) -> None:
    rows = [Register(pk=row, value=value) for row, value in new.items()]
    Register.objects.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=["value"])


def delete_and_create(new: dict[int, int]) -> None:
    Register.objects.filter(pk__in=new).delete()
    Register.objects.bulk_create(Register(pk=row, value=value) for row, value in new.items())


def execute_sql(new: dict[int, int]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {TABLE} SET value = %s WHERE id = %s", [(new[row], row) for row in new])


def update_after_savepoint(new: dict[int, int]) -> None:
    """One that is rolled back comes first, and takes its hooks along."""
    with transaction.atomic():
        Register.objects.filter(pk__in=new).update(value=UNCOMMITTED)
        transaction.set_rollback(True)
    update(new)


def update_before_savepoint(new: dict[int, int]) -> None:
    update(new)
    with transaction.atomic():
        Register.objects.filter(pk__in=new).update(value=UNCOMMITTED)
        transaction.set_rollback(True)


ALONE: tuple[Callable[[int], dict[int, int]], ...] = (by_save, by_update, by_cursor)
TOGETHER: tuple[Callable[[dict[int, int]], None], ...] = (
    save_each, update, bulk_update, upsert, delete_and_create, execute_sql,
    update_after_savepoint, update_before_savepoint,
)  # fmt: skip


def write_rows(rows: Sequence[int], chance: random.Random) -> dict[int, int]:
    """The new values, committed when this returns."""
    if len(rows) == 1 and chance.random() < 0.5:
        return chance.choice(ALONE)(rows[0])
    while True:
        with transaction.atomic():
            new = {row: value + 1 for row, value in sorted(lock_rows(rows).items())}
            # A row that another writer makes again is not found at that moment. Locked later, out of order, it could
            # make two writers wait for each other.
            if len(new) == len(rows):
                chance.choice(TOGETHER)(new)
                return new


def lock_rows(rows: Sequence[int]) -> dict[int, int]:
    """SQLite's transactions are IMMEDIATE here, and lock all."""
    if connection.vendor == "sqlite":
        return values_of(list(rows))
    return dict(Register.objects.filter(pk__in=rows).order_by("pk").select_for_update().values_list("pk", "value"))


def write_by_another_program(row: int) -> dict[int, int]:
    """Write by the driver alone, on a connection that Django knows nothing of."""
    driver: Any
    if connection.vendor == "sqlite":
        import sqlite3 as driver

        other, place = driver.connect(connection.settings_dict["NAME"], timeout=20, isolation_level=None), "?"
    else:
        import psycopg as driver

        where = {name: connection.settings_dict[name.upper()] for name in ("host", "port", "user")}
        other, place = driver.connect(dbname=connection.settings_dict["NAME"], autocommit=True, **where), "%s"
    try:
        while True:
            found = other.execute(f"UPDATE {TABLE} SET value = value + 1 WHERE id = {place} RETURNING value", (row,))
            for (value,) in found.fetchall():
                return {row: value}
    finally:
        other.close()


awrite_by_another_program = sync_to_async(write_by_another_program, thread_sensitive=False)
