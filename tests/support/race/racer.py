"""One racing process: many tasks that read, write, announce, refresh and forget, as fast as they can.

Run as a module with options in JSON; says "ready", waits for a line, races, and leaves its journal.
"""

import asyncio
import json
import os
import random
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
import msgspec

from tests.support.race.history import Failure, Journal, Load, Read, Write, now


class Row(msgspec.Struct, frozen=True):
    row: int
    value: int
    made_at: float


class Page(msgspec.Struct, frozen=True):
    """Made of rows that are entries themselves."""

    rows: tuple[Row, ...]


class Racer:
    def __init__(self, options: dict[str, Any]) -> None:
        from content.caching import Policy, Resource
        from content.caching.registry import engine_of

        self.options = options
        self.chance = random.Random(options["seed"])
        self.journal = Journal(Path(options["journal"]))
        self.process = os.getpid()
        self.rows = options["rows"]
        self.engine = engine_of("default")
        self.engine.lease = options.get("lease", 6.0)
        skew = options.get("skew", 0.0)
        if skew:
            self.engine.clock = lambda: time.time() + skew
        self.positions: dict[str, tuple[int, int]] = {}
        self.remember_positions()
        policy = Policy(
            ttl=timedelta(seconds=options["ttl"]), stale_ttl=timedelta(seconds=options["stale_ttl"]), jitter=0.5
        )
        self.row = Resource(
            "row", load=self.load, load_many=self.load_many, policy=policy, tags=lambda row: (f"row:{row}",)
        )
        self.page = Resource("page", load=self.load_page, policy=policy)

    def remember_positions(self) -> None:
        """Where each record of ours came to stand."""
        stream = self.engine.ordering.log.stream
        append = stream.aappend

        async def noted(kind: Any, tags: Any, nonce: str) -> tuple[int, int]:
            position = await append(kind, tags, nonce)
            self.positions[nonce] = position
            return position

        stream.aappend = noted

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

    async def load_page(self, first: int) -> Page:
        rows = await self.row.get_many([first, (first + 1) % self.rows])
        return Page(tuple(rows.values()))

    async def dawdle(self) -> None:
        """Long enough for something to come in between, now and then."""
        if self.chance.random() < 0.5:
            await asyncio.sleep(self.chance.random() * self.options.get("dawdle", 0.02))

    # --- what it does ---------------------------------------------------------------------------------

    async def race(self) -> None:
        end = now() + self.options["seconds"]
        await asyncio.gather(*(self.run(end) for _ in range(self.options["tasks"])))
        self.journal.close()

    async def run(self, end: float) -> None:
        steps = [self.read, self.read_page, self.read_many, self.write, self.refresh, self.forget]
        weights = self.options.get("weights", [60, 15, 8, 10, 4, 3])
        while now() < end:
            began, [step] = now(), self.chance.choices(steps, weights)
            try:
                await step()
            except Exception as error:
                self.journal.note(
                    Failure(self.process, began, now(), step.__name__, f"{type(error).__name__}: {error}")
                )
                await asyncio.sleep(0.01)
            await asyncio.sleep(self.chance.random() * self.options.get("pause", 0.004))

    def any_row(self) -> int:
        return self.chance.randrange(self.rows)

    async def read(self) -> None:
        await self.noted("get", self.row.get(self.any_row()))

    async def read_page(self) -> None:
        await self.noted("page", self.page.get(self.any_row()))

    async def read_many(self) -> None:
        rows = {self.any_row() for _ in range(3)}
        await self.noted("get_many", self.row.get_many(rows))

    async def refresh(self) -> None:
        await self.noted("refresh", self.row.refresh(self.any_row()))

    async def noted(self, by: str, reading: Any) -> None:
        from content.caching.collecting import collecting

        began, tail = now(), self.engine.ordering.ledger.tail
        with collecting() as collected:
            answer = await reading
        ended = now()
        for row in rows_of(answer):
            self.journal.note(
                Read(self.process, began, ended, row.row, row.value, row.made_at, collected.stale, tail, by)
            )

    async def write(self) -> None:
        from content.caching import expire, invalidate
        from tests.support.race.registers import awrite

        row, began = self.any_row(), now()
        kind = self.chance.choice([invalidate, invalidate, expire])
        nonce = f"{self.process}-{self.chance.getrandbits(64):x}"
        value = await awrite(row)
        try:
            await kind([f"row:{row}"], nonce=nonce)
        finally:
            self.journal.note(
                Write(self.process, began, now(), row, value, kind.__name__, self.positions.pop(nonce, None))
            )
        if self.chance.random() < 0.3:
            await self.noted("write-through", self.row.refresh(row))

    async def forget(self) -> None:
        """Memory alone: the next reader has to look further."""
        self.engine.memory.clear()


def rows_of(answer: Any) -> list[Row]:
    if isinstance(answer, Row):
        return [answer]
    return list(answer.rows) if isinstance(answer, Page) else list(answer.values())


def main() -> None:
    django.setup()
    racer = Racer(json.loads(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(racer.race())
    print("done", flush=True)


if __name__ == "__main__":
    main()
