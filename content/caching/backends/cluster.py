"""A Redis Cluster: the way to it from an event loop, and from django-redis's sync side."""

import asyncio
from itertools import chain, groupby, islice
from typing import Any

from django_redis.pool import ConnectionFactory
from redis.cluster import RedisCluster

from content.caching.backends.server import Server
from content.caching.backends.wire import Command, Waiting, as_redis_error


class ClusterLink:
    """This loop's way to a cluster: the client sends each command to the node that has its slot.

    Commands of one turn share a pipeline.
    """

    def __init__(self, server: Server) -> None:
        self.loop = asyncio.get_running_loop()
        self.client: Any = server.client()
        self.waiting: list[Waiting] = []
        self.under_way: set[asyncio.Task[None]] = set()

    def ask(self, *command: Any) -> "asyncio.Future[Any]":
        future = self.loop.create_future()
        if not self.waiting:
            self.loop.call_soon(self.send)
        self.waiting.append((command, future))
        return future

    def send(self) -> None:
        waiting, self.waiting = self.waiting, []
        task = self.loop.create_task(self.carry(waiting))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def carry(self, waiting: list[Waiting]) -> None:
        try:
            answers = await self.answers([command for command, _ in waiting])
        except Exception as error:
            answers = [as_redis_error(error)] * len(waiting)
        for (_, future), answer in zip(waiting, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    async def answers(self, commands: list[Command]) -> list[Any]:
        """In order: what concerns one slot is answered as it was asked for, so that whoever gets a lease finds what
        its last holder has stored."""
        answers: list[Any] = []
        for is_flush, group in groupby(commands, lambda command: command[0] == "FLUSHDB"):
            some = list(group)
            answers += await (self.flushed(some) if is_flush else self.piped(some))
        return answers

    async def flushed(self, commands: list[Command]) -> list[Any]:
        return [await self.client.flushdb(target_nodes="primaries") for _ in commands]

    async def piped(self, commands: list[Command]) -> list[Any]:
        pipeline, parts = self.client.pipeline(), [by_slot(command) for command in commands]
        for part in chain.from_iterable(parts):
            pipeline.execute_command(*part)
        answered = iter(await pipeline.execute(raise_on_error=False))
        return [
            as_one(command[0], list(islice(answered, len(part))))
            for command, part in zip(commands, parts, strict=True)
        ]

    async def close(self) -> None:
        for task in list(self.under_way):
            task.cancel()
        await asyncio.gather(*self.under_way, return_exceptions=True)
        await self.client.aclose()


def by_slot(command: Command) -> list[Command]:
    """What is asked of many keys, each key for itself: they are on several nodes."""
    match command:
        case ("MGET", *keys):
            return [("GET", key) for key in keys]
        case ("DEL", *keys):
            return [("DEL", key) for key in keys]
    return [command]


def as_one(name: str, answers: list[Any]) -> Any:
    error = next((answer for answer in answers if isinstance(answer, Exception)), None)
    if error is not None:
        return error
    match name:
        case "MGET":
            return answers
        case "DEL":
            return sum(answers)
    return answers[0]


class ClusterConnectionFactory(ConnectionFactory):  # type: ignore[misc]  # django-redis has no types
    """One client a process and URL: it keeps the nodes' connections itself."""

    clients: dict[str, RedisCluster] = {}

    def connect(self, url: str) -> RedisCluster:
        if url not in self.clients:
            params = self.make_connection_params(url)
            params.pop("url")
            params.pop("parser_class")
            self.clients[url] = RedisCluster.from_url(url, **params)
        return self.clients[url]

    def disconnect(self, connection: Any) -> None:
        """Kept for the process: cluster clients are costly to make, and safe to share between threads."""
