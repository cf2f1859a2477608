"""The tables whose rows stand by themselves: authors, categories, tags, redirects and the site's configuration."""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import validate_unicode_slug
from django.db.models import Model

from content.exporters.records import Record, RedirectRecord, SiteRecord, record_from_row
from content.exporters.tables import SITE, Table
from content.importers.errors import BadFile
from content.importers.report import Counts
from content.models.site_config import ONLY_ROW, check_menu


def checked(record: Record) -> Record:
    """Raises BadFile for what no form here would take."""
    try:
        if isinstance(record, SiteRecord):
            check_menu(record.menu)
        elif isinstance(record, RedirectRecord):
            check_redirect(record)
        else:
            validate_unicode_slug(getattr(record, "slug", ""))
    except ValidationError as error:
        raise BadFile(" ".join(error.messages)) from error
    return record


def check_redirect(record: RedirectRecord) -> None:
    if not record.new_path.startswith(("/", "https://", "http://")):
        raise ValidationError(f"{record.new_path[:80]!r} is neither a path nor an http(s) URL.")


def write_rows(table: Table, records: Sequence[Record]) -> Counts:
    """Within a transaction of the caller's: what is missing is made, what differs is made like the record."""
    by_key = {key_of(table, record): record for record in records}
    rows: Any = table.model._default_manager
    known = {getattr(row, table.key): row for row in rows.filter(**{f"{table.key}__in": list(by_key)})}
    created = [
        table.model(**{table.key: key}, **columns(record, without=table.key))
        for key, record in by_key.items()
        if key not in known
    ]
    updated = [row for key, row in known.items() if record_from_row(table.record, row) != by_key[key]]
    for row in updated:
        fill(row, columns(by_key[getattr(row, table.key)], without=table.key))
    rows.bulk_create(created)
    if updated:
        rows.bulk_update(updated, [name for name in table.record.__struct_fields__ if name != table.key])
    return Counts(len(created), len(updated), len(known) - len(updated))


def key_of(table: Table, record: Record) -> Any:
    return ONLY_ROW if table is SITE else getattr(record, table.key)


def columns(record: Record, without: str) -> dict[str, Any]:
    values = msgspec.structs.asdict(record)
    values.pop(without, None)
    return values


def fill(row: Model, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
