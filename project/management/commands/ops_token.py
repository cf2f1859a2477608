import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from content.management import name_of_operator
from content.models import OpsToken
from content.services.ops_tokens import TokenError, create_token, revoke_token

COLUMNS = ("id", "name", "scopes", "state", "created_by", "created_at", "expires_at", "revoked_at", "last_used_at")


class Command(BaseCommand):
    help = (
        "Tokens of the operators' API. `create` prints a new one, once: only its SHA-256 is stored. A revoked one is "
        "refused from its next request on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="make a token, and print it on standard output")
        create.add_argument("name", metavar="NAME", help="what uses it, such as deploy")
        create.add_argument(
            "--scope", action="append", required=True, dest="scopes", choices=OpsToken.Scope.values, help="repeatable"
        )
        create.add_argument("--expires", type=int, metavar="DAYS", help="by default it does not expire")
        revoke = verbs.add_parser("revoke", help="refuse it from its next request on")
        revoke.add_argument("id", type=int, metavar="ID")
        shown = verbs.add_parser("list", help="the tokens, the newest first")
        shown.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["verb"])(options)
        except TokenError as error:
            raise CommandError(str(error)) from error

    def create(self, options: dict[str, Any]) -> None:
        token, text = create_token(
            options["name"], options["scopes"], created_by=name_of_operator(), days=options["expires"]
        )
        until = f"expires at {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else "does not expire"
        self.stderr.write(f"Token {token.pk} ({token.name}) {until}. Store it now: it is not shown again.")
        self.stdout.write(text)

    def revoke(self, options: dict[str, Any]) -> None:
        self.stdout.write(revoke_token(options["id"]))

    def list(self, options: dict[str, Any]) -> None:
        rows = [{name: getattr(token, name) for name in COLUMNS} for token in OpsToken.objects.all()]
        if options["json"]:
            self.stdout.write(json.dumps(rows, default=lambda moment: moment.isoformat(), indent=2))
            return
        for row in rows:
            used = f"last used {row['last_used_at']:%Y-%m-%d %H:%M}" if row["last_used_at"] else "never used"
            until = f", expires {row['expires_at']:%Y-%m-%d}" if row["expires_at"] else ""
            scopes = ", ".join(row["scopes"])
            self.stdout.write(f"{row['id']} {row['name']}: {row['state']}{until}, {scopes}, {used}")
        if not rows:
            self.stdout.write("There is no token. Create one: manage.py ops_token create NAME --scope warm.")
