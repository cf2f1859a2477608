"""The heat of this site's entries, with a copy in the database: it survives a flush, after which it is needed."""

import logging
from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from content.caching.engines import engine_of
from content.caching.heat import Heat, Score
from content.models import HeatSnapshot

logger = logging.getLogger(__name__)

# Entries in the database.
MOST_SAVED = 5000


def heat_of_site() -> Heat | None:
    """None if nothing is counted: without a Redis, or with OPTIONS["HEAT"] = 0."""
    return engine_of("default").heat


async def read_hottest(most: int) -> list[tuple[str, float]]:
    """Names and heat (reads a second) of the `most` hottest entries, the hottest first.

    `content.caching.key_decoder.decode_name` reads a name. If Redis has lost its data, that of the database is
    restored first. Raises RedisError or OSError if Redis does not answer.
    """
    heat = heat_of_site()
    if heat is None:
        return []
    try:
        await restore_if_lost(heat)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("Cannot read from the database which entries were hot; retrying with the next use: %s", error)
    return await heat.read_hottest(most)


async def write_heat() -> int:
    """Replace the database's copy. Returns the number of entries. Run every minute; two runs at once do no harm."""
    heat = heat_of_site()
    if heat is None:
        return 0
    await restore_if_lost(heat)
    scores = await heat.read_scores(MOST_SAVED)
    if scores is None:
        # Redis has lost its data again since, so the copy is better than what it has. The next run restores it.
        return 0
    row = HeatSnapshot(prefix=heat.prefix, scores=scores, written_at=timezone.now())
    await HeatSnapshot.objects.abulk_create(
        [row], update_conflicts=True, unique_fields=["prefix"], update_fields=["scores", "written_at"]
    )
    return len(scores)


async def restore_if_lost(heat: Heat) -> None:
    if await heat.is_restored():
        return
    row = await HeatSnapshot.objects.filter(prefix=heat.prefix).afirst()
    scores = to_scores(row.scores) if row is not None else ()
    await heat.restore(scores)
    if scores:
        logger.info("Redis had lost how often entries are read; restored %d entries from the database.", len(scores))


def to_scores(saved: Any) -> Sequence[Score]:
    """An unreadable copy restores nothing, and is replaced by the next run."""
    try:
        return msgspec.convert(saved, list[Score])
    except msgspec.ValidationError:
        return ()
