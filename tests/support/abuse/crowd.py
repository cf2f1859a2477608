"""All clients at once, for so many seconds: those who read, those who misbehave, and those who write."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

from tests.support.abuse.asked import Asked, drawn, head
from tests.support.abuse.connection import Connection, connected, read_head
from tests.support.abuse.footprint import Footprint
from tests.support.abuse.judge import Judge
from tests.support.abuse.malformed import REFUSED, malformed
from tests.support.abuse.pages import COUNT

CROWD = {"reads": 8, "pipelines": 5, "leaves": 4, "dawdles": 6, "offends": 3}
LONGEST_PIPELINE, LONGEST_STAY = 20, 40
# Seconds: between the writes of the editor; between purges; that a client waits between two connections at most.
WRITE_PAUSE, PURGE_PAUSE, PAUSE = 0.05, 1.3, 0.05

Act = Callable[[random.Random], Awaitable[None]]


class Crowd:
    def __init__(self, port: int, workers: set[int], seconds: float, seed: int = 7) -> None:
        self.port = port
        self.seconds = seconds
        self.seed = seed
        self.judge = Judge()
        self.footprints = [Footprint(process) for process in sorted(workers)]
        self.end = 0.0

    async def run(self) -> None:
        self.end = monotonic() + self.seconds
        clients = [self.client(name, number) for name, count in CROWD.items() for number in range(count)]
        await asyncio.gather(self.edit(), self.purge(), self.watch(), *clients)

    async def client(self, name: str, number: int) -> None:
        """One connection after the other. What it does not expect is somebody's fault."""
        chance, act = random.Random(f"{self.seed} {name} {number}"), getattr(self, name)
        while monotonic() < self.end:
            self.judge.totals[name] += 1
            try:
                await act(chance)
            except (OSError, EOFError, ValueError, KeyError, TimeoutError) as error:
                self.judge.blame(f"{name}: {type(error).__name__}: {error}")
            await asyncio.sleep(chance.uniform(0, PAUSE))

    def drawn(self, chance: random.Random) -> Asked:
        return drawn(chance, self.judge.tags)

    # --- who reads --------------------------------------------------------------------------------------------

    async def reads(self, chance: random.Random) -> None:
        """One request after the other."""
        async with connected(self.port) as connection:
            for _ in range(chance.randrange(1, LONGEST_STAY)):
                await self.exchange(connection, [self.drawn(chance)], [])
                await asyncio.sleep(chance.uniform(0, PAUSE / 10))

    async def pipelines(self, chance: random.Random) -> None:
        """Several at once, whole or in pieces."""
        async with connected(self.port) as connection:
            for _ in range(chance.randrange(1, 6)):
                asked = [self.drawn(chance) for _ in range(chance.randint(1, LONGEST_PIPELINE))]
                size = sum(len(each.sent) for each in asked)
                cuts = sorted(chance.sample(range(1, size), chance.choice([0, 0, 1, 5])))
                await self.exchange(connection, asked, cuts)

    async def exchange(self, connection: Connection, asked: list[Asked], cuts: list[int]) -> None:
        began = monotonic()
        sending = connection.write_in_pieces(b"".join(each.sent for each in asked), cuts)
        async with asyncio.TaskGroup() as group:
            group.create_task(sending)
            group.create_task(self.hear(connection, asked, began))

    async def hear(self, connection: Connection, asked: list[Asked], began: float) -> None:
        for each in asked:
            self.judge.hear(each, await connection.answer(is_head=each.kind == "head"), began)

    # --- who misbehaves ---------------------------------------------------------------------------------------

    async def leaves(self, chance: random.Random) -> None:
        """In the middle of a request, or of an answer; with a word or without."""
        async with connected(self.port) as connection:
            sent = b"".join(self.drawn(chance).sent for _ in range(chance.randint(1, 3)))
            if chance.random() < 0.5:
                connection.write(sent[: chance.randrange(1, len(sent))])
            else:
                connection.write(sent)
                await connection.reader.read(chance.randrange(1, 5_000))
            if chance.random() < 0.5:
                connection.reset()

    async def dawdles(self, chance: random.Random) -> None:
        """A few bytes, a pause, and then the rest; or not."""
        async with connected(self.port, slow=True) as connection:
            asked, began = [self.drawn(chance) for _ in range(chance.randint(1, 8))], monotonic()
            connection.write(b"".join(each.sent for each in asked))
            await asyncio.sleep(chance.uniform(0, 20 * PAUSE))
            if chance.random() < 0.3:
                await connection.reader.read(chance.randrange(1, 5_000))
                connection.reset()
                return
            for each in asked:
                await self.hear(connection, [each], began)
                await asyncio.sleep(chance.uniform(0, PAUSE))

    async def offends(self, chance: random.Random) -> None:
        """After some requests, or none, one that is none. An answer of before may be lost with a reset."""
        async with connected(self.port) as connection:
            await self.exchange(connection, [self.drawn(chance) for _ in range(chance.choice([0, 0, 1, 3]))], [])
            connection.write(malformed(chance))
            with suppress(ConnectionError):
                refusal = await connection.rest()
                status = read_head(refusal.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")[0] if refusal else 0
                self.judge.totals[f"refused {status}"] += 1
                if refusal and status not in REFUSED:
                    self.judge.blame(f"malformed, and {status}: {refusal[:200]!r}")

    # --- who writes, and who watches --------------------------------------------------------------------------

    async def edit(self) -> None:
        """Of two edits in three the old is not served again, of the third as stale."""
        chance, edits = random.Random(f"{self.seed} editor"), self.judge.edits
        async with connected(self.port) as connection:
            while monotonic() < self.end:
                number, is_hard = chance.randrange(COUNT), chance.random() < 2 / 3
                edits.begun[number] += 1
                await self.told(connection, "PUT", f"/page/{number}", is_hard=is_hard)
                edits.note(number, edits.begun[number], is_hard=is_hard)
                self.judge.totals["edits"] += 1
                await asyncio.sleep(WRITE_PAUSE)

    async def purge(self) -> None:
        """Everything."""
        chance, edits = random.Random(f"{self.seed} purger"), self.judge.edits
        async with connected(self.port) as connection:
            while monotonic() < self.end:
                is_hard, before = chance.random() < 0.5, [self.ended(number) for number in range(COUNT)]
                await self.told(connection, "POST", "/purge", is_hard=is_hard)
                edits.note_purge(before, is_hard=is_hard)
                self.judge.totals["purges"] += 1
                await asyncio.sleep(PURGE_PAUSE)

    async def told(self, connection: Connection, method: str, target: str, *, is_hard: bool) -> None:
        connection.write(head(method, target if is_hard else f"{target}?soft", "Content-Length: 0\r\n"))
        answer = await connection.answer()
        if answer.status != 200:
            self.judge.blame(f"{method} {target}: {answer.status}")

    def ended(self, number: int) -> int:
        """The version of the last edit that is over."""
        done = self.judge.edits.done[number]
        return done[-1].version if done else 0

    async def watch(self) -> None:
        while monotonic() < self.end:
            for footprint in self.footprints:
                footprint.sample()
            await asyncio.sleep(1)
