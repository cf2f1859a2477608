"""Carry out a purge: survey what is stored, append the records that end it, and judge what it did."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from asgiref.sync import sync_to_async
from django.core.cache import caches
from redis.exceptions import RedisError

from content.caching import CacheError, expire, invalidate
from content.caching.backends import RedisCache
from content.caching.engines import engine_of
from content.caching.entry import Header, Verdict
from content.caching.metrics.reports import reporting
from content.nearest import nearest
from content.purging.outcome import Outcome
from content.purging.row import PurgeRow
from content.purging.scope import Item, Scope
from content.purging.selection import BadSelection, Selection, SurveyUnavailable, resolve
from content.purging.survey import ALIAS, MOST_MATCHED, SECONDS, Survey, survey
from content.warming.state import WarmState, read_state

# Seconds for a survey on which the purge depends: only it finds the tags of a pattern.
SECONDS_FOR_PATTERNS = 60.0


async def ignore(outcome: Outcome) -> None:
    pass


async def run_purge(
    selection: Selection,
    *,
    soft: bool,
    trigger: str,
    started_by: str = "",
    dry_run: bool = False,
    before: Callable[[Outcome], Awaitable[None]] = ignore,
) -> Outcome:
    """Purge what is named, and keep a row of it. Each trigger calls this. A dry run touches nothing, and has no row.

    `before` is called with what the purge will touch, before it does; nothing is purged if it raises an exception. A
    database that is down stops no purge: then it is not recorded, and the log says so. Raises BadSelection, before
    anything is touched; CacheError, RedisError or OSError if some processes could not be reached.
    """
    planned = await plan(await sync_to_async(resolve)(selection), soft=soft)
    await before(planned)
    if dry_run:
        return planned
    row = PurgeRow(selection, soft=soft, trigger=trigger, started_by=started_by)
    await row.begin(planned)
    try:
        outcome = await carry_out(planned)
    except (CacheError, RedisError, OSError) as error:
        await row.fail(error)
        raise
    await row.finish(outcome)
    return replace(outcome, id=row.purge.pk, is_recorded=row.is_recorded)


async def carry_out(planned: Outcome) -> Outcome:
    if not planned.tags:
        return planned
    await (expire if planned.soft else invalidate)(planned.tags)
    sample = planned.survey.sample if planned.survey is not None else []
    ended = await count_ended(sample)
    reached, deaf = await asyncio.to_thread(count_processes)
    return replace(planned, is_done=True, judged=len(sample), ended=ended, reached=reached, deaf=deaf)


async def plan(scope: Scope, *, soft: bool) -> Outcome:
    known = await survey(scope, soft=soft, seconds=SECONDS_FOR_PATTERNS if scope.has_patterns else SECONDS)
    if known is None:
        if scope.has_patterns:
            raise pattern_error()
        return Outcome(scope, soft, scope.tags, None, {})
    if known.has_too_many:
        raise BadSelection(
            f"The pattern matches more than {MOST_MATCHED:,} tags of stored entries. Write a narrower one, or use a "
            "resource or --all."
        )
    return Outcome(scope, soft, [*dict.fromkeys([*scope.tags, *known.matched])], known, find_missing(scope, known))


def pattern_error() -> BadSelection:
    """The error for a pattern that cannot be compared with what is stored."""
    if isinstance(caches[ALIAS], RedisCache):
        return SurveyUnavailable(
            "The pattern cannot be compared with the tags of stored entries: the cache or its invalidation log does "
            "not answer. Try again, or name tags, resources or addresses."
        )
    return BadSelection(
        "A pattern is compared with the tags of stored entries, which only a Redis can list. Name tags, resources or "
        "addresses."
    )


def find_missing(scope: Scope, known: Survey) -> dict[Item, list[str]]:
    """The items that no stored entry has. Empty if not all keys were seen: then it is not known."""
    if not known.is_complete:
        return {}
    return {item: find_near(item, known) for item in scope.items if not known.found[item]}


def find_near(item: Item, known: Survey) -> list[str]:
    """The tags of stored entries near to that of an item; paths near to a path."""
    if len(item.tags) != 1:
        return []
    [tag] = item.tags
    kind = "path:" if tag.startswith("path:") else ""
    near = nearest(tag, (each for each in sorted(known.seen) if each.startswith(kind)))
    return [each.removeprefix(kind) for each in near if each != tag]


async def count_ended(headers: Iterable[Header]) -> int:
    """How many of these entries the log has ended or expired."""
    verdicts = await engine_of(ALIAS).ordering.judge(list(headers))
    return sum(verdict is not Verdict.VALID for verdict in verdicts)


def count_processes() -> tuple[int | None, int | None]:
    """Other processes that follow the log, and those that do not, by their last reports. None if that is unknown."""
    if reporting.reporter is None:
        return None, None
    try:
        processes = reporting.reporter.report().processes
    except (RedisError, OSError):
        return None, None
    own = (socket.gethostname(), os.getpid())
    others = [each.is_heard for each in processes if (each.host, each.pid) != own]
    return sum(others), len(others) - sum(others)


async def read_loop() -> WarmState | None:
    """The control loop that makes again what was purged. None without one."""
    try:
        return await read_state()
    except (RedisError, OSError):
        return None
