"""Fill the tables of lists anew: which posts each list shows, and how many."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from content.models import ListedPost, list_tables


class Command(BaseCommand):
    help = (
        "Fill the tables of lists anew, from posts and their tags and authors. Triggers keep them right: this is for "
        "a database that was written while its triggers were off."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        list_tables.rebuild(connection)
        self.stdout.write(f"{ListedPost.objects.count():,} places in lists were written.")
