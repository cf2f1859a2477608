"""Raw SQL for queries that the ORM cannot express, on SQLite and PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from msgspec import json

from content.documents.lists import EPOCH

# SELECTs in one UNION; SQLite takes 500.
MOST_SELECTS = 100


@sync_to_async
def fetch(sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Fetch all rows. Datetime parameters are converted to the form in which the database stores them."""
    adapt = connection.ops.adapt_datetimefield_value
    adapted = [adapt(each) if isinstance(each, datetime) else each for each in parameters]
    with connection.cursor() as cursor:
        cursor.execute(sql, adapted)
        return list(cursor.fetchall())


async def fetch_each(selects: Sequence[tuple[str, Sequence[Any]]]) -> list[list[tuple[Any, ...]]]:
    """Fetch the rows of each SELECT: one statement for a hundred. Each may have its own order and limit."""
    results: list[list[tuple[Any, ...]]] = [[] for _ in selects]
    for first in range(0, len(selects), MOST_SELECTS):
        batch = list(enumerate(selects[first : first + MOST_SELECTS], first))
        sql = " UNION ALL ".join(f"SELECT {number}, t{number}.* FROM ({sql}) t{number}" for number, (sql, _) in batch)  # noqa: S608
        for number, *row in await fetch(sql, [each for _, (_, parameters) in batch for each in parameters]):
            results[number].append(tuple(row))
    return results


def moment_column(column: str) -> str:
    """SQL for a column of datetimes, in the form that `parse_moment` reads fastest: microseconds on PostgreSQL."""
    return f"(extract(epoch FROM {column}) * 1000000)::bigint" if connection.vendor == "postgresql" else column


def parse_moment(value: Any) -> Any:
    """The datetime in a row, or None. SQLite stores text, in UTC."""
    if isinstance(value, int):
        return EPOCH + timedelta(microseconds=value)
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def microseconds_column(column: str) -> str:
    """SQL for a column of datetimes, as Unix microseconds: exact, so SQLite rounds no fraction of a second."""
    if connection.vendor == "postgresql":
        return moment_column(column)
    return f"(strftime('%%s', substr({column}, 1, 19)) * 1000000 + CAST(substr({column}, 21, 6) AS INTEGER))"


def gather(column: str) -> str:
    """An aggregate of numbers that `parse_numbers` reads: a thousand in one value cost less than a thousand rows."""
    return f"array_agg({column})" if connection.vendor == "postgresql" else f"json_group_array({column})"


def parse_numbers(value: list[int] | str | None) -> tuple[int, ...]:
    """The numbers that `gather` collected; empty for no rows."""
    return json.decode(value, type=tuple[int, ...]) if isinstance(value, str) else tuple(value or ())
