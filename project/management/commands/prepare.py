from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Bring tables and static files up to date, and see that there is an administrator."

    def handle(self, *args: Any, **options: Any) -> None:
        """In one process: to begin takes longer than any of it where nothing is to be done."""
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        call_command("first_admin", stdout=self.stdout)
