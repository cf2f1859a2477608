"""`make lint`: whether each new migration is safe for the release that still runs.

Each migration behind the baseline is written as SQL for PostgreSQL, and read by django-migration-linter and squawk.
Those of the baseline were applied before this check existed. A server is started only if there are newer ones.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path

import django
from django.core.management import call_command

BASELINE = Path(__file__).with_name("baseline.txt")
OWN_APPS = ("content", "caching_watch")
# What only a contract migration may do.
CONTRACT_CODES = frozenset({"DROP_COLUMN", "DROP_TABLE", "NOT_NULL", "ALTER_COLUMN"})
CONTRACT_RULES = frozenset(
    {
        "ban-drop-column",
        "ban-drop-table",
        "adding-not-nullable-field",
        "adding-required-field",
        "changing-column-type",
    }
)
# Rules about types and repeatability that Django decides, and about time-outs: the migrate job sets them.
EXCLUDED = (
    "ban-char-field",
    "identifier-too-long",
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
    "prefer-identity",
    "prefer-robust-stmts",
    "prefer-text-field",
    "require-timeout-settings",
)
OLDEST_POSTGRESQL = "14.0"


def read_baseline() -> frozenset[str]:
    return frozenset(BASELINE.read_text().split())


def new_migrations(apps: Iterable[str], baseline: frozenset[str]) -> list[tuple[str, str]]:
    """The migrations by app and name, in the order in which they are applied. Asks no database."""
    from django.db.migrations.loader import MigrationLoader

    graph = MigrationLoader(None).graph
    order = [key for leaf in graph.leaf_nodes() for key in graph.forwards_plan(leaf)]
    return [key for key in dict.fromkeys(order) if key[0] in apps and ".".join(key) not in baseline]


def lint(keys: Iterable[tuple[str, str]]) -> Iterator[str]:
    """One line for each fault, in the database of the settings: a new one on PostgreSQL, which is changed."""
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    keys = list(keys)
    before = [loader.graph.node_map[key].parents for key in keys]
    for node in {(parent.key) for parents in before for parent in parents if parent.key not in keys}:
        call_command("migrate", *node, verbosity=0, interactive=False)
    for app, name in keys:
        is_contract = bool(getattr(loader.get_migration(app, name), "contract", False))
        sql = to_sql(app, name)
        for fault in (*ask_django_linter(sql, is_contract), *ask_squawk(sql, is_contract)):
            yield f"{app}.{name}: {fault}"
        apply(app, name)


def to_sql(app: str, name: str) -> str:
    out = StringIO()
    call_command("sqlmigrate", app, name, stdout=out, no_color=True)
    return out.getvalue()


def apply(app: str, name: str) -> None:
    """The next one may read what this one made. Contract migrations too."""
    from django.core.management.commands import migrate

    call_command(migrate.Command(), app, name, verbosity=0, interactive=False)


def ask_django_linter(sql: str, is_contract: bool) -> Iterator[str]:
    from django_migration_linter.sql_analyser.analyser import analyse_sql_statements
    from django_migration_linter.sql_analyser.postgresql import PostgresqlAnalyser

    statements = [line for line in sql.splitlines() if line and not line.startswith("--")]
    errors, _, warnings = analyse_sql_statements(
        PostgresqlAnalyser, statements, sorted(CONTRACT_CODES) if is_contract else []
    )
    for issue in (*errors, *warnings):
        yield f"{issue.message} (django-migration-linter {issue.code})"


def ask_squawk(sql: str, is_contract: bool) -> Iterator[str]:
    """Its first lines, without the comments of sqlmigrate."""
    squawk = Path(sys.executable).with_name("squawk")
    # sqlmigrate writes BEGIN and COMMIT where the migration is atomic.
    command = [str(squawk), "--reporter=json", f"--pg-version={OLDEST_POSTGRESQL}", f"--exclude={','.join(EXCLUDED)}"]
    done = subprocess.run(command, input=sql, capture_output=True, text=True, timeout=60, check=False)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(f"squawk failed: {done.stderr.strip()}") from None
    for fault in found:
        if not (is_contract and fault["rule_name"] in CONTRACT_RULES):
            yield f"{fault['message']} (squawk {fault['rule_name']})"


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    os.environ |= {"SECRET_KEY": "for the linter only", "CACHE_URL": "dummy://"}
    django.setup()
    keys = new_migrations(OWN_APPS, read_baseline())
    if not keys:
        print("No migration is newer than the baseline.")
        return 0
    from django.db import connections

    from project.backups.aliases import settings_of
    from tests.support.databases import fresh_postgres
    from tests.support.servers.postgres import running_postgres

    with running_postgres() as server, fresh_postgres(server.url) as url:
        connections.databases["default"].update(settings_of(url))
        del connections["default"]
        faults = list(lint(keys))
        connections["default"].close()
    print("\n".join(faults) or f"{len(keys)} new migrations are safe for the release that still runs.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
