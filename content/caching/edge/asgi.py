"""ASGI messages, the client of a request, and how to find a middleware."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class Client:
    """The client of one request.

    `has_body`: there may be more of the request's body. `has_sent`: some body has arrived. `is_gone`: it
    disconnected.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self.receive_next = receive
        self._send_next = send
        self.has_body = True
        self.has_sent = False
        self.is_gone = False

    async def receive(self) -> Message:
        message = await self.receive_next()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self.has_body = False
        self.has_sent = self.has_sent or bool(message.get("body"))
        return message

    async def wait_until_gone(self) -> Message:
        """Wait until the client disconnects; discard what it sends until then."""
        while (message := await self.receive())["type"] == "http.request":
            pass
        return message

    async def send(self, message: Message) -> None:
        """Send a message. Messages after the client disconnected are dropped."""
        if self.is_gone:
            return
        try:
            await self._send_next(message)
        except Exception:
            self.is_gone = True


class PacedClient:
    """Queue messages for a client, so that the sender never waits for a slow one. `begin` starts a task."""

    def __init__(self, client: Client, begin: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]) -> None:
        self.client = client
        self.begin = begin
        self.waiting: deque[Message] = deque()
        self.task: asyncio.Task[None] | None = None

    def send(self, message: Message) -> None:
        self.waiting.append(message)
        if self.task is None or self.task.done():
            self.task = self.begin(self._send_waiting())

    async def _send_waiting(self) -> None:
        while self.waiting:
            await self.client.send(self.waiting.popleft())

    async def drain(self) -> None:
        """Wait until all queued messages are sent. Cancelling the wait does not stop sending."""
        if self.task is not None:
            await asyncio.wait({self.task})


def find_middleware(application: Any, kind: type) -> Any:
    """Find the outermost middleware of a class. Wrappers hold the application they wrap as `app` or `application`."""
    while application is not None and not isinstance(application, kind):
        application = getattr(application, "app", None) or getattr(application, "application", None)
    return application
