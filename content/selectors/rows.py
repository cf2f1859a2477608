"""SQL that the ORM has no words for, the same for SQLite and PostgreSQL but for named parts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection

from content.documents.sequence import EPOCH

# Terms of one compound SELECT; SQLite takes 500.
MOST_SELECTS = 100


@sync_to_async
def fetch(sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows. Datetimes among the parameters are written as the database stores them."""
    adapt = connection.ops.adapt_datetimefield_value
    written = [adapt(each) if isinstance(each, datetime) else each for each in parameters]
    with connection.cursor() as cursor:
        cursor.execute(sql, written)
        return list(cursor.fetchall())


async def fetch_each(selects: Sequence[tuple[str, Sequence[Any]]]) -> list[list[tuple[Any, ...]]]:
    """The rows of each SELECT, which may have an order and a limit of its own: one statement for a hundred."""
    found: list[list[tuple[Any, ...]]] = [[] for _ in selects]
    for first in range(0, len(selects), MOST_SELECTS):
        some = list(enumerate(selects[first : first + MOST_SELECTS], first))
        sql = " UNION ALL ".join(f"SELECT {number}, t{number}.* FROM ({sql}) t{number}" for number, (sql, _) in some)  # noqa: S608
        for number, *row in await fetch(sql, [each for _, (_, parameters) in some for each in parameters]):
            found[number].append(tuple(row))
    return found


def instant(column: str) -> str:
    """A column of datetimes as `moment` reads it fastest: Unix microseconds of PostgreSQL, text of SQLite."""
    return f"(extract(epoch FROM {column}) * 1000000)::bigint" if connection.vendor == "postgresql" else column


def moment(value: Any) -> Any:
    """A datetime of a row, or None: SQLite stores text, in UTC."""
    if isinstance(value, int):
        return EPOCH + timedelta(microseconds=value)
    there = datetime.fromisoformat(value) if isinstance(value, str) else value
    return there.replace(tzinfo=UTC) if there is not None and there.tzinfo is None else there
