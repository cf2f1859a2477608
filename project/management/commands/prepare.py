from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Update tables and static files, and create an administrator if there is none."

    def handle(self, *args: Any, **options: Any) -> None:
        """It runs all in one process: a start takes longer than each of the three if there is nothing to do."""
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        call_command("first_admin", stdout=self.stdout)
