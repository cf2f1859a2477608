"""Connections to a Redis Cluster: one for an event loop, and one for django-redis's sync methods."""

import asyncio
from itertools import chain, groupby, islice
from typing import Any

from django_redis.pool import ConnectionFactory
from redis.cluster import RedisCluster

from .protocol import Command, PendingCommand, as_redis_error, discard_connections
from .server import Server, identity_of


class ClusterConnection:
    """An event loop's connection to a cluster. redis-py sends each command to the node that holds its slot.

    Commands of one turn of the loop share a pipeline.
    """

    def __init__(self, server: Server) -> None:
        self._loop = asyncio.get_running_loop()
        self.client: Any = server.client()
        self._queue: list[PendingCommand] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def execute(self, *command: Any) -> "asyncio.Future[Any]":
        future = self._loop.create_future()
        if not self._queue:
            self._loop.call_soon(self._send)
        self._queue.append((command, future))
        return future

    def _send(self) -> None:
        batch, self._queue = self._queue, []
        task = self._loop.create_task(self._run(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, batch: list[PendingCommand]) -> None:
        try:
            answers = await self._execute_all([command for command, _ in batch])
        except Exception as error:
            answers = [as_redis_error(error)] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    async def _execute_all(self, commands: list[Command]) -> list[Any]:
        """Commands on one slot run in their order: the process that acquires a lease then reads what its last holder
        stored."""
        answers: list[Any] = []
        for is_flush, group in groupby(commands, lambda command: command[0] == "FLUSHDB"):
            some = list(group)
            answers += await (self._flush(some) if is_flush else self._execute_pipeline(some))
        return answers

    async def _flush(self, commands: list[Command]) -> list[Any]:
        return [await self.client.flushdb(target_nodes="primaries") for _ in commands]

    async def _execute_pipeline(self, commands: list[Command]) -> list[Any]:
        pipeline, parts = self.client.pipeline(), [_split_by_key(command) for command in commands]
        for part in chain.from_iterable(parts):
            pipeline.execute_command(*part)
        answered = iter(await pipeline.execute(raise_on_error=False))
        return [
            _merge_answers(command[0], list(islice(answered, len(part))))
            for command, part in zip(commands, parts, strict=True)
        ]

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.aclose()

    def discard(self) -> None:
        """Close all connections when the event loop is closed already."""
        for node in self.client.get_nodes():
            discard_connections(node._connections)


def _split_by_key(command: Command) -> list[Command]:
    """One command for each key, because the keys of one command may be on several nodes."""
    match command:
        case ("MGET", *keys):
            return [("GET", key) for key in keys]
        case ("DEL", *keys):
            return [("DEL", key) for key in keys]
    return [command]


def _merge_answers(name: str, answers: list[Any]) -> Any:
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
    """One client for each URL and its options in a process. It keeps the connections to the nodes."""

    _clients: dict[str, RedisCluster] = {}

    def connect(self, url: str) -> RedisCluster:
        key = url + identity_of(self.options)
        if key not in self._clients:
            params = self.make_connection_params(url) | self.pool_cls_kwargs
            params.pop("url")
            params.pop("parser_class")
            self._clients[key] = RedisCluster.from_url(url, **params)
        return self._clients[key]

    def disconnect(self, connection: Any) -> None:
        """Keep the client: it is expensive to create, and safe to share between threads."""
