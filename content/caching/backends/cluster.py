"""A Redis Cluster: the way to it from an event loop, and from django-redis's sync side."""

import asyncio
from collections import deque
from typing import Any

from django_redis.pool import ConnectionFactory
from redis.cluster import RedisCluster

from content.caching.backends.server import Server
from content.caching.backends.wire import Waiting, as_redis_error


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

    async def answers(self, commands: list[Any]) -> list[Any]:
        """MGET and DEL of many keys go to several nodes; the rest is one pipeline."""
        answers: dict[int, Any] = {}
        pipeline, order = self.client.pipeline(), deque[int]()
        for number, command in enumerate(commands):
            if command[0] == "MGET":
                answers[number] = await self.client.mget_nonatomic(command[1:])
            elif command[0] == "DEL":
                answers[number] = await self.client.delete(*command[1:])
            elif command[0] == "FLUSHDB":
                answers[number] = await self.client.flushdb(target_nodes="primaries")
            else:
                pipeline.execute_command(*command)
                order.append(number)
        if order:
            for answer in await pipeline.execute(raise_on_error=False):
                answers[order.popleft()] = answer
        return [answers[number] for number in range(len(commands))]

    async def close(self) -> None:
        for task in list(self.under_way):
            task.cancel()
        await asyncio.gather(*self.under_way, return_exceptions=True)
        await self.client.aclose()


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
