"""The invalidation log: its newest records, its length, and how far each process is behind."""

import time
from collections.abc import Sequence

from content.caching.backends.connection import connection_to
from content.caching.engines import engine_of
from content.caching.ordering.log import InvalidationLog
from content.caching.ordering.ordering import LogOrdering
from content.caching.ordering.tag_index import Record
from content.ops.panels.panel import ALIAS, Reading, Row, Source, numbers, texts

SHOWN_RECORDS, SHOWN_TAGS = 12, 6
WITHOUT = "There is no invalidation log: this site runs without Redis."


async def read_invalidations() -> Reading:
    """Raises RedisError or OSError."""
    ordering = engine_of(ALIAS).ordering
    if not isinstance(ordering, LogOrdering):
        return Reading(note=WITHOUT)
    log = ordering.log
    records = await log.stream.newest_records(SHOWN_RECORDS)
    length = await connection_to(log.server).execute("XLEN", log.stream.stream)
    gauges = {"log.length": float(length)} | ({"log.last_age_seconds": age_of(records[0])} if records else {})
    rows = tuple(row_of(record) for record in records)
    return Reading(
        (*texts("Record"), *numbers("Age"), *texts("Kind", "Tags")), rows, describe(log, length), gauges=gauges
    )


def describe(log: InvalidationLog, length: int) -> str:
    follows = "follows the log" if log.tag_index.is_heard else "does not follow the log, and serves all as stale"
    return f"The log has {length:,} records. This process {follows}."


def row_of(record: Record) -> Row:
    position = "-".join(map(str, record.position))
    return Row((position, in_age(age_of(record)), record.kind.name.lower(), list_tags(record.tags)))


def list_tags(tags: Sequence[str]) -> str:
    more = f" and {len(tags) - SHOWN_TAGS} more" if len(tags) > SHOWN_TAGS else ""
    return f"{', '.join(tags[:SHOWN_TAGS])}{more}" or "unreadable: taken for all"


def age_of(record: Record) -> float:
    """Seconds, by this host's clock: Redis's clock is in the record."""
    return max(0.0, time.time() - record.position[0] / 1000)


def in_age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


invalidations = Source("invalidations", "Invalidations", read_invalidations, seconds=2.0)
