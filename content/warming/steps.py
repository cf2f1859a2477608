"""The steps of a run: its targets in an order that another process can go on in.

A step is a part of the targets that fits into memory. Its checkpoint says where a run goes on once the step is done.
A step without one is done again if the process dies: what it warmed is found fresh then.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import msgspec

from content.models import WarmAddresses, WarmFailure
from content.warming.catalogue import CHUNK, MOST_VIEWED, Chunk, HotPosts, catalogue
from content.warming.choice import Choice
from content.warming.hot_set import find_target
from content.warming.items import ON_EVERY_PAGE
from content.warming.plan import plan_popular, plan_url
from content.warming.rows import Key
from content.warming.run import split
from content.warming.selection import Selection
from content.warming.targets import Plan, Target, plan_pages

# Paths of pages that are kept in memory while the entries are loaded: about two megabytes.
KEPT = 20_000
# Addresses of a log, and failures of a run, that are read at once.
ROWS = 500


class Checkpoint(msgspec.Struct, frozen=True):
    """How far a run has come: the part, and what was last in it. `hot`: see HotPosts."""

    hot: HotPosts
    part: str
    after: Key = ()


@dataclass(frozen=True)
class Step:
    targets: Plan
    checkpoint: Checkpoint | None = None


Part = Callable[["Steps", Key], AsyncIterator[tuple[Plan, Key | None]]]


class Steps:
    """The steps of one run. `run`: its id, for one that has addresses of a log."""

    def __init__(self, choice: Choice, hot: HotPosts, run: int | None = None) -> None:
        self.choice = choice
        self.hot = hot
        self.run = run
        self.selection = Selection(choice)
        # The chunks of the catalogue, while they have few enough paths; None if some were not kept.
        self.kept: list[Chunk] | None = []

    async def list(self, checkpoint: Checkpoint | None = None) -> AsyncIterator[Step]:
        """The steps behind that checkpoint. Raises LookupError or ValueError for one that is of no such run."""
        part, after = (checkpoint.part, checkpoint.after) if checkpoint else (PARTS[0], ())
        for name in PARTS[PARTS.index(part) :]:
            async for targets, reached in LISTED[name](self, after if name == part else ()):
                yield Step(targets, Checkpoint(self.hot, name, reached) if reached is not None else None)

    async def list_few(self, after: Key) -> AsyncIterator[tuple[Plan, Key | None]]:
        if not self.choice.lists:
            return
        plan: Plan = []
        for url in self.choice.urls:
            try:
                plan += await plan_url(url)
            except LookupError:
                # It was there when it was chosen. If nothing is there now, the page says so, and is skipped.
                plan += await plan_pages([url])
        if self.choice.top is not None or not self.choice.urls:
            plan += await plan_popular(self.choice.top or MOST_VIEWED)
        for targets in split(list(dict.fromkeys(plan)), CHUNK):
            yield targets, None

    async def list_logged(self, after: Key) -> AsyncIterator[tuple[Plan, Key | None]]:
        if not self.choice.log:
            return
        if not after:
            yield [Target(resource) for resource in ON_EVERY_PAGE], None
        rows = WarmAddresses.objects.filter(run=self.run, number__gt=int(after[0]) if after else -1)
        async for number, paths in rows.order_by("number").values_list("number", "paths"):
            yield await plan_pages(paths), (number,)

    async def list_failed(self, after: Key) -> AsyncIterator[tuple[Plan, Key | None]]:
        if self.choice.failed_of is None:
            return
        last = int(after[0]) if after else 0
        while True:
            failures = WarmFailure.objects.filter(run=self.choice.failed_of, pk__gt=last).order_by("pk")
            rows = [row async for row in failures.values_list("pk", "target")[:ROWS]]
            if not rows:
                return
            last = rows[-1][0]
            yield [target for _, name in rows if (target := find_target(name)) is not None], (last,)

    async def list_entries(self, after: Key) -> AsyncIterator[tuple[Plan, Key | None]]:
        """The steps, with the pages of the first chunk, which are made at once."""
        self.kept = None if after else []
        if self.choice.searches:
            async for chunk in catalogue(hot=self.hot, after=after):
                self._keep(chunk)
                targets = await self.selection.select(chunk.entries)
                if chunk.is_hot:
                    yield targets, None
                    targets = await self._select_pages(chunk)
                yield targets, chunk.cursor or None

    async def list_pages(self, after: Key) -> AsyncIterator[tuple[Plan, Key | None]]:
        """The pages of all later chunks, behind the entries that they show."""
        if self.choice.searches:
            async for chunk in self._kept_chunks() if self.kept and not after else self._chunks(after):
                if not chunk.is_hot:
                    yield await self._select_pages(chunk), chunk.cursor or None

    async def _select_pages(self, chunk: Chunk) -> Plan:
        return await self.selection.select(await plan_pages(chunk.paths))

    def _chunks(self, after: Key) -> AsyncIterator[Chunk]:
        return catalogue(hot=self.hot, after=after)

    async def _kept_chunks(self) -> AsyncIterator[Chunk]:
        for chunk in self.kept or ():
            yield chunk

    def _keep(self, chunk: Chunk) -> None:
        if self.kept is not None:
            self.kept.append(Chunk(paths=chunk.paths, is_hot=chunk.is_hot, cursor=chunk.cursor))
            if sum(len(each.paths) for each in self.kept) > KEPT:
                self.kept = None


# Steps in their order: names of the operator come before the catalogue.
LISTED: dict[str, Part] = {
    "few": Steps.list_few,
    "logged": Steps.list_logged,
    "failed": Steps.list_failed,
    "entries": Steps.list_entries,
    "pages": Steps.list_pages,
}
PARTS = tuple(LISTED)
