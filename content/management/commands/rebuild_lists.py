from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from content.models import ListedPost, list_tables


class Command(BaseCommand):
    help = (
        "Fill the tables of lists anew, from posts and their tags and authors. Triggers keep these tables correct: "
        "run this only after writes without triggers."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        list_tables.rebuild(connection)
        self.stdout.write(f"{ListedPost.objects.count():,} places in lists were written.")
