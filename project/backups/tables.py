"""The rows of each table as a count and a digest, which do not depend on the kind of database."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from django.apps import apps
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

from project.backups.manifest import Table

ROWS_AT_ONCE = 2000


def models_of_site() -> list[type[Model]]:
    """Each model with a table of its own, through tables included, in the order of their names."""
    found = {
        model._meta.db_table: model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    }
    return [found[name] for name in sorted(found)]


def digest_tables(using: str, models: Iterable[type[Model]] | None = None) -> dict[str, Table]:
    """Digests by the name of the table; tables that do not exist are left out."""
    existing = set(connections[using].introspection.table_names())
    chosen = models_of_site() if models is None else models
    tables = {each._meta.db_table: digest_table(using, each) for each in chosen if each._meta.db_table in existing}
    return tables if models is not None else tables | {"django_migrations": digest_migrations(using)}


def digest_table(using: str, model: type[Model]) -> Table:
    digest, count = hashlib.sha256(), 0
    fields = [field.attname for field in model._meta.concrete_fields]
    rows = model._base_manager.using(using).order_by("pk").values_list(*fields)
    for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
        digest.update(encode(row) + b"\n")
        count += 1
    return Table(count, digest.hexdigest())


def digest_without_keys(using: str, model: type[Model]) -> Table:
    """The sum of the digests of all rows, for rows whose numbers and order do not matter."""
    total, count = 0, 0
    fields = [field.attname for field in model._meta.concrete_fields if not field.primary_key]
    for row in model._base_manager.using(using).values_list(*fields).iterator(chunk_size=ROWS_AT_ONCE):
        total += int.from_bytes(hashlib.sha256(encode(row)).digest(), "big")
        count += 1
    return Table(count, f"{total % 2**256:064x}")


def encode(row: tuple[Any, ...]) -> bytes:
    return json.dumps(row, default=as_text, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")


def digest_migrations(using: str) -> Table:
    names = list_migrations(using)
    return Table(len(names), hashlib.sha256("\n".join(names).encode()).hexdigest())


def list_migrations(using: str) -> list[str]:
    """Sorted, as app.name."""
    return sorted(".".join(key) for key in MigrationRecorder(connections[using]).applied_migrations())


def as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return value.isoformat() if isinstance(value, date) else str(value)


def compare_tables(wanted: dict[str, Table], found: dict[str, Table]) -> list[str]:
    """One line for each table that is missing, new or different."""
    differences = [f"Table {name} is missing." for name in sorted(wanted.keys() - found.keys())]
    differences += [f"Table {name} was not backed up." for name in sorted(found.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & found.keys()):
        if wanted[name].rows != found[name].rows:
            differences.append(f"Table {name} has {found[name].rows:,} rows instead of {wanted[name].rows:,}.")
        elif wanted[name] != found[name]:
            differences.append(f"Table {name} has other contents in its {wanted[name].rows:,} rows.")
    return differences
