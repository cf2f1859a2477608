import contextlib
import json
from dataclasses import fields
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from content.management import render
from content.models import Post
from project.capacity.cost_table import print_costs
from project.capacity.costs import read_costs
from project.capacity.load import BadLoad, Load
from project.capacity.tables import as_data, print_plan

BAD_INPUT = 2


class Command(BaseCommand):
    help = (
        "Calculate from measured costs what a load takes: cores, memory, commands and bytes of Redis, connections. "
        "It says which part ends first, and what to do then. It only reads."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        for field in fields(Load):
            default = f" (default {field.default:g})" if isinstance(field.default, int | float) else ""
            name, text = field.name.replace("_", "-"), field.metadata["help"]
            shown = text if "default" in text else f"{text}{default}"
            parser.add_argument(f"--{name}", type=float, metavar="N", help=shown)
        parser.add_argument("--costs", action="store_true", help="print the measured costs, and no plan")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        given = {field.name: options[field.name] for field in fields(Load) if options[field.name] is not None}
        try:
            load = Load(**(own_numbers(given) | given))
        except BadLoad as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from error
        costs = read_costs()
        if options["costs"]:
            self.stdout.write(render(lambda console: print_costs(console, costs)), ending="")
        elif options["json"]:
            self.stdout.write(json.dumps(as_data(load, costs), indent=2))
        else:
            self.stdout.write(render(lambda console: print_plan(console, load, costs)), ending="")


def own_numbers(given: dict[str, float]) -> dict[str, float]:
    """Those of this installation that are not given. Without its database, the defaults."""
    numbers = {"memory": settings.CACHE_MEMORY / 1024**2}
    with contextlib.suppress(DatabaseError):
        if "posts" not in given:
            numbers["posts"] = Post.objects.count()
        if "database_connections" not in given and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SHOW max_connections")
                numbers["database_connections"] = float(cursor.fetchone()[0])
    return numbers
