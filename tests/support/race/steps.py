"""The steps of the tasks in a racing process, a method each. Workloads weigh them by name."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from tests.support.race.history import IN_PASSING, OTHER_PROGRAM, WITHDRAW, Inside, Read, Write, now
from tests.support.race.registers import awrite, write_and_roll_back

if TYPE_CHECKING:
    from tests.support.race.racer import Racer, Row


class Steps:
    READING = ("read", "read_page", "read_beside", "read_many", "forget", "hurry", "read_sync", "read_many_sync")

    def __init__(self, racer: "Racer") -> None:
        self.racer = racer
        self.journal = racer.journal
        self.process = racer.process
        self.chance = racer.chance

    def any_row(self) -> int:
        return self.chance.randrange(self.racer.rows)

    # --- reading --------------------------------------------------------------------------------------

    async def read(self) -> None:
        await self.record_read("get", self.racer.row.get(self.any_row()))

    async def read_page(self) -> None:
        await self.record_read("page", self.racer.page.get(self.any_row()))

    async def read_beside(self) -> None:
        """A page that shows rows in passing."""
        await self.record_read(IN_PASSING, self.racer.beside.get(self.any_row()))

    async def read_many(self) -> None:
        rows = {self.any_row() for _ in range(3)}
        await self.record_read("get_many", self.racer.row.get_many(rows))

    async def refresh(self) -> None:
        await self.record_read("refresh", self.racer.row.refresh(self.any_row()))

    async def record_read(self, by: str, reading: Any) -> None:
        from content.caching.dependencies import track_dependencies

        began, tail = now(), self.racer.tag_index.tail
        with track_dependencies() as collected:
            answer = await reading
        ended = now()
        for row in rows_of(answer):
            self.journal.note(
                Read(self.process, began, ended, row.row, row.value, row.made_at, collected.stale, tail, by)
            )

    async def read_sync(self) -> None:
        await self.record_read_in_thread("get_sync", self.racer.row.get_sync, self.any_row())

    async def read_many_sync(self) -> None:
        rows = {self.any_row() for _ in range(3)}
        await self.record_read_in_thread("get_many_sync", self.racer.row.get_many_sync, rows)

    async def refresh_sync(self) -> None:
        await self.record_read_in_thread("refresh_sync", self.racer.row.refresh_sync, self.any_row())

    async def record_read_in_thread(self, by: str, read: Callable[..., Any], *arguments: Any) -> None:
        async def reading() -> Any:
            return await asyncio.to_thread(read, *arguments)

        await self.record_read(by, reading())

    async def hurry(self) -> None:
        """A client that hangs up. Others that wait for the same key must not notice."""
        reading = asyncio.create_task(self.racer.row.get(self.any_row()))
        await asyncio.sleep(self.chance.random() * 0.02)
        reading.cancel()
        await asyncio.wait([reading])

    async def forget(self) -> None:
        """Empty the memory: the next reader looks in Redis."""
        if self.racer.engine.memory is not None:
            self.racer.engine.memory.clear()

    # --- writing --------------------------------------------------------------------------------------

    async def write(self) -> None:
        row = self.any_row()
        await self.announce(await awrite(row))
        if self.chance.random() < 0.3:
            await self.record_read("write-through", self.racer.row.refresh(row))

    async def burst(self) -> None:
        """All kinds of readers of one row in the moment in which it is written, twice or with its neighbour."""
        racer, row = self.racer, self.any_row()
        readers = (racer.row.get, racer.row.refresh, racer.page.get, racer.beside.get)

        async def read_soon(read: Any) -> None:
            await asyncio.sleep(self.chance.random() * 0.03)
            await read(row)

        async def write_soon(row: int) -> None:
            await asyncio.sleep(self.chance.random() * 0.03)
            await self.announce(await awrite(row), withdraws=self.chance.random() < 0.3)

        await asyncio.gather(
            write_soon(row),
            write_soon(self.chance.choice((row, (row + 1) % racer.rows))),
            *(read_soon(self.chance.choice(readers)) for _ in range(8)),
        )

    async def move(self) -> None:
        """Write two rows at once, as a move from one list to another does."""
        old, new = self.chance.sample(range(self.racer.rows), 2)
        await self.announce(await awrite(old, new))

    async def write_watched(self) -> None:
        """Write without an announcement. This process must know of it when the call returns."""
        from tests.support.race.watched import write_rows

        rows = self.chance.sample(range(self.racer.rows), self.chance.choice([1, 1, 1, 2, 6]))
        began = now()
        values, position = await asyncio.to_thread(self.with_position, write_rows, rows, self.chance)
        ended = now()
        for row, value in values.items():
            self.journal.note(Write(self.process, began, ended, row, value, "invalidate", position))
        await self.record_read("the writer's next read", self.racer.row.get(rows[0]))

    async def burst_watched(self) -> None:
        """Readers of one row in the moment in which it is written; nobody announces it."""
        from tests.support.race.watched import write_rows

        row = self.any_row()

        async def read_soon() -> None:
            await asyncio.sleep(self.chance.random() * 0.03)
            await self.racer.row.get(row)

        async def write_soon() -> None:
            await asyncio.sleep(self.chance.random() * 0.03)
            await asyncio.to_thread(write_rows, [row], self.chance)

        await asyncio.gather(write_soon(), *(read_soon() for _ in range(8)))

    def with_position(self, write: Callable[..., Any], *arguments: Any) -> tuple[dict[int, int], Any]:
        """With the position of the record. If another process appended it, this one has read up to it."""
        place = self.racer.last_position
        place.value = (0, 0)
        values = write(*arguments)
        return values, max(place.value, self.racer.tag_index.tail)

    async def write_elsewhere(self) -> None:
        """Write as another program does, which knows nothing of caches."""
        from tests.support.race.watched import awrite_by_another_program

        began = now()
        values = await awrite_by_another_program(self.any_row())
        for row, value in values.items():
            self.journal.note(Write(OTHER_PROGRAM, began, now(), row, value, "elsewhere", None))

    async def withdraw(self) -> None:
        """Write what may be shown nowhere else, in passing either."""
        await self.announce(await awrite(self.any_row()), withdraws=True)

    async def announce(self, values: dict[int, int], *, withdraws: bool = False) -> None:
        """Append the tags of the old and the new state to the log."""
        from content.caching import expire, invalidate
        from content.caching.key import weak_tag

        began = now()
        kind = invalidate if withdraws else self.chance.choice([invalidate, invalidate, expire])
        nonce = f"{self.process}-{self.chance.getrandbits(64):x}"
        tags = [f"row:{row}" for row in values]
        if withdraws:
            tags += [weak_tag(tag) for tag in tags]
        try:
            await kind(tags, nonce=nonce)
        finally:
            ended, position = now(), self.racer.positions.pop(nonce, None)
            for row, value in values.items():
                name = WITHDRAW if withdraws else kind.__name__
                self.journal.note(Write(self.process, began, ended, row, value, name, position))

    async def undo(self) -> None:
        """Write, read, and roll back: no other process may see it."""
        row = self.any_row()
        began = now()
        wrote, saw = await sync_to_async(write_and_roll_back, thread_sensitive=False)(row, self.racer.row.get_sync)
        self.journal.note(Inside(self.process, began, now(), row, wrote, saw.value))


def rows_of(answer: Any) -> "list[Row]":
    """The rows of a row, of a page, or of a dictionary."""
    if isinstance(answer, dict):
        return list(answer.values())
    return list(answer.rows) if hasattr(answer, "rows") else [answer]
