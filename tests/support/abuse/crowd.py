"""All clients at once, for so many seconds: readers, misbehaving clients and writers."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

from tests.support.abuse.connection import Connection, connect, read_head
from tests.support.abuse.footprint import Footprint
from tests.support.abuse.judge import Judge
from tests.support.abuse.malformed import REFUSED, malformed_request
from tests.support.abuse.pages import COUNT
from tests.support.abuse.requests import Request, head, random_request

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
        """One connection after the other. Each unexpected error is recorded."""
        chance, act = random.Random(f"{self.seed} {name} {number}"), getattr(self, name)
        while monotonic() < self.end:
            self.judge.totals[name] += 1
            try:
                await act(chance)
            except (OSError, EOFError, ValueError, KeyError, TimeoutError) as error:
                self.judge.blame(f"{name}: {type(error).__name__}: {error}")
            await asyncio.sleep(chance.uniform(0, PAUSE))

    def request(self, chance: random.Random) -> Request:
        return random_request(chance, self.judge.tags)

    # --- readers --------------------------------------------------------------------------------------------

    async def reads(self, chance: random.Random) -> None:
        """One request after the other."""
        async with connect(self.port) as connection:
            for _ in range(chance.randrange(1, LONGEST_STAY)):
                await self.exchange(connection, [self.request(chance)], [])
                await asyncio.sleep(chance.uniform(0, PAUSE / 10))

    async def pipelines(self, chance: random.Random) -> None:
        """Several at once, whole or in pieces."""
        async with connect(self.port) as connection:
            for _ in range(chance.randrange(1, 6)):
                requests = [self.request(chance) for _ in range(chance.randint(1, LONGEST_PIPELINE))]
                size = sum(len(each.sent) for each in requests)
                cuts = sorted(chance.sample(range(1, size), chance.choice([0, 0, 1, 5])))
                await self.exchange(connection, requests, cuts)

    async def exchange(self, connection: Connection, requests: list[Request], cuts: list[int]) -> None:
        began = monotonic()
        sending = connection.write_in_pieces(b"".join(each.sent for each in requests), cuts)
        async with asyncio.TaskGroup() as group:
            group.create_task(sending)
            group.create_task(self.hear(connection, requests, began))

    async def hear(self, connection: Connection, requests: list[Request], began: float) -> None:
        for each in requests:
            self.judge.hear(each, await connection.read_response(is_head=each.kind == "head"), began)

    # --- misbehaving clients ---------------------------------------------------------------------------------------

    async def leaves(self, chance: random.Random) -> None:
        """Hang up in the middle of a request or of a response, with a reset or without."""
        async with connect(self.port) as connection:
            sent = b"".join(self.request(chance).sent for _ in range(chance.randint(1, 3)))
            if chance.random() < 0.5:
                connection.write(sent[: chance.randrange(1, len(sent))])
            else:
                connection.write(sent)
                await connection.reader.read(chance.randrange(1, 5_000))
            if chance.random() < 0.5:
                connection.reset()

    async def dawdles(self, chance: random.Random) -> None:
        """A few bytes, a pause, and then the rest; or not."""
        async with connect(self.port, slow=True) as connection:
            requests, began = [self.request(chance) for _ in range(chance.randint(1, 8))], monotonic()
            connection.write(b"".join(each.sent for each in requests))
            await asyncio.sleep(chance.uniform(0, 20 * PAUSE))
            if chance.random() < 0.3:
                await connection.reader.read(chance.randrange(1, 5_000))
                connection.reset()
                return
            for each in requests:
                await self.hear(connection, [each], began)
                await asyncio.sleep(chance.uniform(0, PAUSE))

    async def offends(self, chance: random.Random) -> None:
        """After some requests, or none, one that is none. An answer of before may be lost with a reset."""
        async with connect(self.port) as connection:
            await self.exchange(connection, [self.request(chance) for _ in range(chance.choice([0, 0, 1, 3]))], [])
            connection.write(malformed_request(chance))
            with suppress(ConnectionError):
                refusal = await connection.rest()
                status = read_head(refusal.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")[0] if refusal else 0
                self.judge.totals[f"refused {status}"] += 1
                if refusal and status not in REFUSED:
                    self.judge.blame(f"malformed, and {status}: {refusal[:200]!r}")

    # --- writers, and the footprint --------------------------------------------------------------------------

    async def edit(self) -> None:
        """Two edits in three invalidate the old page; the third expires it."""
        chance, edits = random.Random(f"{self.seed} editor"), self.judge.edits
        async with connect(self.port) as connection:
            while monotonic() < self.end:
                number, is_hard = chance.randrange(COUNT), chance.random() < 2 / 3
                edits.begun[number] += 1
                await self.send(connection, "PUT", f"/page/{number}", is_hard=is_hard)
                edits.note(number, edits.begun[number], is_hard=is_hard)
                self.judge.totals["edits"] += 1
                await asyncio.sleep(WRITE_PAUSE)

    async def purge(self) -> None:
        """Everything."""
        chance, edits = random.Random(f"{self.seed} purger"), self.judge.edits
        async with connect(self.port) as connection:
            while monotonic() < self.end:
                is_hard, before = chance.random() < 0.5, [self.last_version(number) for number in range(COUNT)]
                await self.send(connection, "POST", "/purge", is_hard=is_hard)
                edits.note_purge(before, is_hard=is_hard)
                self.judge.totals["purges"] += 1
                await asyncio.sleep(PURGE_PAUSE)

    async def send(self, connection: Connection, method: str, target: str, *, is_hard: bool) -> None:
        connection.write(head(method, target if is_hard else f"{target}?soft", "Content-Length: 0\r\n"))
        answer = await connection.read_response()
        if answer.status != 200:
            self.judge.blame(f"{method} {target}: {answer.status}")

    def last_version(self, number: int) -> int:
        """The version of the last edit whose response has come."""
        done = self.judge.edits.done[number]
        return done[-1].version if done else 0

    async def watch(self) -> None:
        while monotonic() < self.end:
            for footprint in self.footprints:
                footprint.sample()
            await asyncio.sleep(1)
