"""The plan of a roll-out: the migrations that expand, and those that contract.

A migration contracts if its class says `contract = True`: it takes away what the release before still uses. `migrate`
leaves such ones out, except in a new database, which no release uses yet.
"""

from collections.abc import Iterable

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

from content.ops.migrations import is_contract


def waiting_migrations(connection: BaseDatabaseWrapper) -> tuple[list[Migration], list[Migration]]:
    """Those that expand, and those that contract. It only reads."""
    executor = MigrationExecutor(connection)
    plan = [migration for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    return [each for each in plan if not is_contract(each)], [each for each in plan if is_contract(each)]


class BlockedByContract(Exception):
    """Migrations that expand depend on one that contracts, and has not run. The text is for an operator."""

    def __init__(self, blocked: Iterable[Migration], contracts: Iterable[Migration]) -> None:
        names = ", ".join(map(str, blocked))
        super().__init__(
            f"{names} follow contract migrations that have not run: {', '.join(map(str, contracts))}. They end the "
            "upgrade before this one. Let its release serve alone, run `manage.py contract` there, then upgrade."
        )


class ExpandExecutor(MigrationExecutor):
    """Plans only what expands. A new database, and a plan backwards, are complete."""

    def migration_plan(self, targets, clean_start=False):  # type: ignore[no-untyped-def]
        """Raises BlockedByContract."""
        plan = super().migration_plan(targets, clean_start)
        if clean_start or not self.loader.applied_migrations:
            return plan
        contracts = [migration for migration, backwards in plan if is_contract(migration) and not backwards]
        keys = {(migration.app_label, migration.name) for migration in contracts}
        blocked = [
            migration
            for migration, backwards in plan
            if not backwards and not is_contract(migration) and keys.intersection(self.ancestors(migration))
        ]
        if blocked:
            raise BlockedByContract(blocked, contracts)
        return [(migration, backwards) for migration, backwards in plan if backwards or not is_contract(migration)]

    def ancestors(self, migration: Migration) -> list[tuple[str, str]]:
        return list(self.loader.graph.forwards_plan((migration.app_label, migration.name)))
