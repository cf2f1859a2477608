"""Carry out a purge: survey what is stored, append the records that end it, and judge what it did."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from content.caching import expire, invalidate
from content.caching.engines import engine_of
from content.caching.entry import Header, Verdict
from content.nearest import nearest
from content.purging.scope import Item, Scope
from content.purging.selection import BadSelection
from content.purging.survey import ALIAS, MOST_MATCHED, SECONDS, Survey, survey

# Seconds for a survey on which the purge depends: only it finds the tags of a pattern.
SECONDS_FOR_PATTERNS = 60.0


@dataclass(frozen=True)
class Outcome:
    """What a purge has done; what it would do, if not `is_done`.

    survey   None if that is unknown
    missing  the items of which nothing is stored, each with names that are near to it
    judged   how many touched entries were judged after the records were appended, and `ended` of them are
             no longer served as fresh; 0 of 0 after a dry run
    """

    scope: Scope
    soft: bool
    tags: list[str]
    survey: Survey | None
    missing: dict[Item, list[str]]
    is_done: bool = False
    judged: int = 0
    ended: int = 0

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON. The numbers of a survey are None where they are unknown."""
        known = self.survey
        return {
            "tags": self.tags,
            "soft": self.soft,
            "is_done": self.is_done,
            "touched": None if known is None else dict(known.touched),
            "bytes": None if known is None else known.bytes,
            "in_passing": None if known is None else known.in_passing,
            "already_purged": None if known is None else known.already,
            "is_complete": known is not None and known.is_complete,
            "missing": {item.label: near for item, near in self.missing.items()},
            "judged": self.judged,
            "ended": self.ended,
        }


async def ignore(outcome: Outcome) -> None:
    pass


async def purge(
    scope: Scope, *, soft: bool, dry_run: bool = False, before: Callable[[Outcome], Awaitable[None]] = ignore
) -> Outcome:
    """End everything in the scope, in every process and on every level; `soft`: it is served while it is made again.

    `before` is called with what the purge will touch, before it does; nothing is purged if it raises an exception. A
    second purge of the same does no harm.
    Raises BadSelection for a pattern that cannot be looked up; NotAppended, if other processes could not be reached;
    RedisError or OSError.
    """
    planned = await plan(scope, soft=soft)
    await before(planned)
    if dry_run or not planned.tags:
        return planned
    await (expire if soft else invalidate)(planned.tags)
    sample = planned.survey.sample if planned.survey is not None else []
    ended = await count_ended(sample)
    return replace(planned, is_done=True, judged=len(sample), ended=ended)


async def plan(scope: Scope, *, soft: bool) -> Outcome:
    known = await survey(scope, soft=soft, seconds=SECONDS_FOR_PATTERNS if scope.has_patterns else SECONDS)
    if known is None:
        if scope.has_patterns:
            raise BadSelection(
                "A pattern is compared with the tags of stored entries, which only a Redis that answers can list. "
                "Name tags, resources or addresses."
            )
        return Outcome(scope, soft, scope.tags, None, {})
    if known.has_too_many:
        raise BadSelection(
            f"The pattern matches more than {MOST_MATCHED:,} tags of stored entries. Write a narrower one, or use a "
            "resource or --all."
        )
    return Outcome(scope, soft, [*dict.fromkeys([*scope.tags, *known.matched])], known, find_missing(scope, known))


def find_missing(scope: Scope, known: Survey) -> dict[Item, list[str]]:
    """Nothing is said if not all keys were seen."""
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
