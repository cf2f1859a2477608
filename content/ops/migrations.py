"""Whether the tables are those of this code: a new process takes no requests before its migrations are applied."""

from asgiref.sync import sync_to_async
from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

from content.caching.engines import engine_of


class MigrationCheck:
    """Reads the table of migrations until all are applied, and never again."""

    def __init__(self) -> None:
        self.is_over = False

    async def check(self) -> str | None:
        """None if all are applied. Raises errors of the database."""
        if self.is_over:
            return None
        # Where loads run: a request's own thread would open a connection for each call.
        pending = await engine_of("default").loop_state().executor.run(lambda: sync_to_async(list_pending)())
        if not pending:
            self.is_over = True
            return None
        return f"{len(pending)} migrations are not applied, {pending[0]} first. Run: manage.py prepare"


def list_pending() -> list[str]:
    """The migrations that wait, as app.name, in the order of their names. Those of another release do not count.

    One that contracts runs after the roll-out, so a process is ready without it.
    """
    loader = MigrationLoader(connection, ignore_no_migrations=True)
    pending = loader.graph.nodes.keys() - loader.applied_migrations.keys()
    return sorted(f"{app}.{name}" for app, name in pending if not is_contract(loader.graph.nodes[app, name]))


def is_contract(migration: Migration) -> bool:
    """Whether it takes away what the release before still uses."""
    return bool(getattr(migration, "contract", False))


migration_check = MigrationCheck()
