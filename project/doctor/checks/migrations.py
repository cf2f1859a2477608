"""Migrations that wait, and those of a newer release: whether this code fits the database."""

from collections.abc import Iterator

from django.apps import apps
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from content.ops.migrations import is_contract
from project.doctor.checks.database import UNREACHABLE
from project.doctor.finding import Finding, error, ok, skipped, warning
from project.doctor.read_only import missing_file, read_only_connection

MOST_SHOWN = 5


def check_migrations() -> Iterator[Finding]:
    if missing_file():
        yield skipped(UNREACHABLE)
        return
    try:
        with read_only_connection() as connection:
            yield from compare_migrations(connection)
    except DatabaseError:
        yield skipped(UNREACHABLE)


def compare_migrations(connection: BaseDatabaseWrapper) -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    loader = executor.loader
    plan = [migration for migration, _ in executor.migration_plan(loader.graph.leaf_nodes())]
    yield from describe_plan(plan)
    if newer := list_newer(loader):
        yield judge_newer(newer, [] if plan else list(find_misfits(connection)))
    elif not plan:
        yield ok(f"All {len(loader.applied_migrations or {})} migrations are applied.")


def describe_plan(plan: list[Migration]) -> Iterator[Finding]:
    waiting = [migration for migration in plan if not is_contract(migration)]
    contracts = [migration for migration in plan if is_contract(migration)]
    if waiting:
        yield warning(
            f"{len(waiting)} migrations wait: {shorten(list(map(str, waiting)))}.",
            "This release's code expects tables that are not there yet.",
            "Run `manage.py migrate` before this release serves; docs/upgrading.md has the order.",
        )
    if contracts:
        yield warning(
            f"{len(contracts)} contract migrations wait: {', '.join(map(str, contracts))}.",
            "The last upgrade is not finished: columns and tables of the release before are still there.",
            "Run `manage.py contract` once only this release serves.",
        )


def list_newer(loader: MigrationLoader) -> list[tuple[str, str]]:
    """Applied migrations of this code's applications that this code does not have."""
    own = {key[0] for key in loader.graph.nodes}
    known = loader.disk_migrations.keys() | {
        replaced for migration in loader.disk_migrations.values() for replaced in migration.replaces
    }
    return sorted(key for key in loader.applied_migrations or {} if key[0] in own and key not in known)


def judge_newer(newer: list[tuple[str, str]], misfits: list[str]) -> Finding:
    what = f"The database has {len(newer)} migrations that this code lacks, such as {'.'.join(newer[-1])}."
    if misfits:
        return error(
            f"{what} This code does not fit: {shorten(misfits)}.",
            "A newer release has taken away or demands what this one does not know. Its writes or reads fail.",
            "Use the newer release, or restore a backup of the time before: docs/backups.md.",
        )
    return warning(
        f"{what} Every table and column of this code is there.",
        "A newer release has expanded the tables. This one fits them: that is so after a rollback.",
        "Nothing now. Upgrade again when the newer release is mended. Until then do not run its `contract`.",
    )


def find_misfits(connection: BaseDatabaseWrapper) -> Iterator[str]:
    """What this code's models need and the database lacks, and columns that would refuse the rows of this code."""
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        for model in apps.get_models(include_auto_created=True):
            options = model._meta
            if not options.managed or options.proxy:
                continue
            if options.db_table not in tables:
                yield f"table {options.db_table} is missing"
                continue
            columns = connection.introspection.get_table_description(cursor, options.db_table)
            own = {str(field.column) for field in options.local_concrete_fields}
            missing = sorted(own - {column.name for column in columns})
            yield from (f"column {options.db_table}.{name} is missing" for name in missing)
            for column in columns:
                if column.name not in own and not column.null_ok and column.default is None:
                    yield f"column {options.db_table}.{column.name} demands a value"


def shorten(names: list[str]) -> str:
    return ", ".join(names[:MOST_SHOWN]) + (" …" if len(names) > MOST_SHOWN else "")
