from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate

from project.rollout.plan import BlockedByContract, ExpandExecutor


class Command(migrate.Command):
    help = "Expand the tables for this release. `manage.py contract` takes away what only the release before uses."

    def handle(self, *args: Any, **options: Any) -> None:
        """Django's command names the class of its executor in its module."""
        module: Any = migrate
        before, module.MigrationExecutor = module.MigrationExecutor, ExpandExecutor
        try:
            super().handle(*args, **options)
        except BlockedByContract as error:
            raise CommandError(str(error)) from error
        finally:
            module.MigrationExecutor = before
