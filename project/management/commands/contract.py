from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import connection

from project.doctor.checks.log import read_living_releases
from project.rollout.plan import waiting_migrations


class Command(BaseCommand):
    help = (
        "Run the migrations that take away what only the release before uses. Run it once this release serves alone: "
        "after that there is no way back to the release before."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only list them")
        parser.add_argument(
            "--force", action="store_true", help="even if other releases serve, or Redis cannot tell which do"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        expanding, contracts = waiting_migrations(connection)
        names = ", ".join(map(str, contracts))
        if not contracts:
            self.stdout.write("No contract migration waits.")
            return
        if options["dry_run"]:
            self.stdout.write(f"{len(contracts)} contract migrations wait: {names}.")
            return
        if expanding:
            raise CommandError(f"{', '.join(map(str, expanding))} wait. Run `manage.py migrate` first.")
        if not options["force"]:
            require_one_release()
        # Django's own, which plans all.
        call_command(migrate.Command(), verbosity=options["verbosity"])
        self.stdout.write(f"Contracted: {names}.")


def require_one_release() -> None:
    """Raises CommandError."""
    living = read_living_releases()
    if living is None:
        raise CommandError("Cannot ask Redis which releases serve. Check it, or use --force if only this one does.")
    if len(living) > 1:
        raise CommandError(
            f"{len(living)} releases serve: {', '.join(living)}. Finish the roll-out; a stopped process counts for "
            "three minutes."
        )
