"""One racing process: many tasks that read, write, announce, refresh and forget, as fast as they can.

Run as a module with options in JSON; says "ready", waits for a line, races, and leaves its journal.
"""

import asyncio
import faulthandler
import json
import os
import random
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import msgspec
from asgiref.sync import ThreadSensitiveContext

from tests.support.race.history import Failure, Journal, Load, now

if TYPE_CHECKING:
    from content.caching.ordering.tag_index import TagIndex


class Row(msgspec.Struct, frozen=True):
    row: int
    value: int
    made_at: float


class Page(msgspec.Struct, frozen=True):
    """Made of rows that are entries themselves."""

    rows: tuple[Row, ...]


class Racer:
    """The resources of a race, and a journal of what their loaders do."""

    def __init__(self, options: dict[str, Any]) -> None:
        from content.caching import Policy, Resource
        from content.caching.engines import engine_of

        bound_the_log(options)
        self.options = options
        self.chance = random.Random(options["seed"])
        self.journal = Journal(Path(os.devnull if options.get("only_samples") else options["journal"]))
        self.process = os.getpid()
        self.rows = options["rows"]
        self.engine = engine_of("default")
        self.engine.loader.lease = options.get("lease", 6.0)
        skew = options.get("skew", 0.0)
        if skew:
            self.engine.clock = lambda: time.time() + skew
        self.positions: dict[str, tuple[int, int]] = {}
        self.last_position = threading.local()
        self.remember_positions()
        policy = Policy(
            ttl=timedelta(seconds=options["ttl"]),
            stale_ttl=timedelta(seconds=options["stale_ttl"]),
            error_ttl=timedelta(seconds=options.get("error_ttl", 0.0)),
            soft_timeout=timedelta(seconds=options["soft_timeout"]) if "soft_timeout" in options else None,
            hard_timeout=timedelta(seconds=options.get("hard_timeout", 30.0)),
            jitter=0.5,
        )
        load: Any = self.load_sync if options.get("sync_loaders") else self.load
        load_many: Any = self.load_many_sync if options.get("sync_loaders") else self.load_many
        self.row: Resource[Any, Row] = Resource(
            "row", load=load, load_many=load_many, policy=policy, tags=self.tags_of
        )
        self.page = Resource("page", load=self.load_page, policy=policy)
        self.beside = Resource("beside", load=self.load_beside, policy=policy)

    @property
    def tag_index(self) -> "TagIndex":
        from tests.support.engine import tag_index_of

        return tag_index_of(self.engine)

    def begin_in_child(self, number: int) -> None:
        """Another process, with a journal of its own."""
        from content.caching.engines import engine_of

        journal = Path(self.options["journal"])
        self.chance = random.Random(self.options["seed"] * 100 + number)
        self.journal = Journal(journal.with_name(f"{journal.stem}-{number}.jsonl"))
        self.process = os.getpid()
        self.engine = engine_of("default")
        self.engine.loader.lease = self.options.get("lease", 6.0)
        self.remember_positions()

    def remember_positions(self) -> None:
        """Record the position of each record that this process appends."""
        from tests.support.engine import log_of

        stream: Any = log_of(self.engine).stream
        append = stream.aappend

        async def append_and_remember(kind: Any, tags: Any, nonce: str) -> Any:
            appended = await append(kind, tags, nonce)
            self.positions[nonce] = appended.position
            return appended

        stream.aappend = append_and_remember
        append_sync = stream.append

        def append_and_remember_sync(kind: Any, tags: Any, nonce: str) -> Any:
            appended = append_sync(kind, tags, nonce)
            self.last_position.value = appended.position
            return appended

        stream.append = append_and_remember_sync

    def tags_of(self, row: int) -> tuple[str, ...]:
        return (f"row:{row}", "rows") if "most_rows" in self.options else (f"row:{row}",)

    # --- loaders --------------------------------------------------------------------------------------

    async def load(self, row: int) -> Row:
        from tests.support.race.registers import aread

        began = now()
        value = await aread(row)
        await self.dawdle()
        ended = now()
        self.journal.note(Load(self.process, began, ended, row))
        return Row(row, value, ended)

    async def load_many(self, rows: Any) -> dict[int, Row]:
        from tests.support.race.registers import aread_many

        began = now()
        values = await aread_many(list(rows))
        await self.dawdle()
        ended = now()
        for row in rows:
            self.journal.note(Load(self.process, began, ended, row))
        return {row: Row(row, value, ended) for row, value in values.items()}

    def load_sync(self, row: int) -> Row:
        [found] = self.load_many_sync([row]).values()
        return found

    def load_many_sync(self, rows: Any) -> dict[int, Row]:
        from tests.support.race.registers import values_of

        began = now()
        values = values_of(list(rows))
        if self.chance.random() < 0.5:
            time.sleep(self.chance.random() * self.options.get("dawdle", 0.02))
        ended = now()
        for row in rows:
            self.journal.note(Load(self.process, began, ended, row))
        return {row: Row(row, value, ended) for row, value in values.items()}

    async def load_page(self, first: int) -> Page:
        rows = await self.row.get_many([first, (first + 1) % self.rows])
        return Page(tuple(rows.values()))

    async def load_beside(self, first: int) -> Page:
        from content.caching.dependencies import shown_in_passing

        with shown_in_passing():
            page = await self.load_page(first)
        await self.dawdle()
        return page

    async def dawdle(self) -> None:
        """Sleep now and then, so that other tasks come in between. Checks of the verifier are no part of the race."""
        from content.caching.cutoff import current_load

        if current_load.get() is None and self.chance.random() < 0.5:
            await asyncio.sleep(self.chance.random() * self.options.get("dawdle", 0.02))

    # --- the race -------------------------------------------------------------------------------------

    async def race(self) -> None:
        from tests.support.race.own_verifier import start_verifier
        from tests.support.race.soak import write_samples
        from tests.support.race.steps import Steps

        steps = Steps(self)
        begin = now()
        sampling = (
            asyncio.create_task(write_samples(Path(self.options["journal"])))
            if "only_samples" in self.options
            else None
        )
        verifier = start_verifier(self.options) if "verify" in self.options else None
        await asyncio.gather(*(self.run(steps, begin) for _ in range(self.options["tasks"])))
        if verifier is not None:
            await asyncio.to_thread(verifier.stop)
        if sampling is not None:
            sampling.cancel()
        self.journal.close()

    async def run(self, steps: Any, begin: float) -> None:
        weights = self.options["weights"]
        reading = {name: weight for name, weight in weights.items() if name in steps.READING}
        only_reads_from, until = self.options.get("only_reads", (float("inf"), float("inf")))
        while (elapsed := now() - begin) < self.options["seconds"]:
            chosen = reading if only_reads_from < elapsed < until else weights
            [name] = self.chance.choices(list(chosen), list(chosen.values()))
            await self.step(name, getattr(steps, name))
            await asyncio.sleep(self.chance.random() * self.options.get("pause", 0.004))

    async def step(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        """Run a step as Django runs a request, with its own threads."""
        began = now()
        try:
            async with ThreadSensitiveContext():
                await step()
        except (Exception, asyncio.CancelledError) as error:
            self.journal.note(Failure(self.process, began, now(), name, f"{type(error).__name__}: {error}"))
            await asyncio.sleep(0.01)

    async def work(self) -> None:
        """Refresh as a worker does, until the race ends."""
        try:
            async with asyncio.timeout(self.options["seconds"]):
                await self.engine.refresher.work()
        except TimeoutError:
            self.journal.close()


def race_in_children(racer: Racer) -> None:
    """As prefork servers and Celery do: children of a process that has read, with threads and connections."""
    from django.db import connections

    for row in range(3):
        racer.row.get_sync(row)
    racer.journal.close()
    connections.close_all()
    # In a child it would wait for a thread that only the parent has.
    faulthandler.cancel_dump_traceback_later()
    children = []
    for number in range(racer.options["children"]):
        child = os.fork()
        if child == 0:
            faulthandler.dump_traceback_later(racer.options["seconds"] + 30, exit=True)
            racer.begin_in_child(number)
            asyncio.run(racer.race())
            os._exit(0)
        children.append(child)
    for child in children:
        _, status = os.waitpid(child, 0)
        assert status == 0, "a child has failed"


def bound_the_log(options: dict[str, Any]) -> None:
    """Short, where a race is to see its ends."""
    from content.caching.ordering import stream, tag_index

    if "most_tags" in options:
        tag_index.RECENT_TAGS = tag_index.MAX_TAGS = options["most_tags"]
    stream.MAX_LOG_LENGTH = options.get("longest_log", stream.MAX_LOG_LENGTH)


def main() -> None:
    django.setup()
    options = json.loads(sys.argv[1])
    # A process that hangs prints its stack.
    faulthandler.dump_traceback_later(options["seconds"] + 30)
    racer = Racer(options)
    if "most_rows" in options:
        from tests.support.race import watched

        watched.declare(options["most_rows"])
        if options.get("relays"):
            watched.follow_the_outbox()
    print("ready", flush=True)
    sys.stdin.readline()
    if "children" in options:
        race_in_children(racer)
        return
    asyncio.run(racer.work() if options.get("is_worker") else racer.race())
    print("done", flush=True)


if __name__ == "__main__":
    main()
