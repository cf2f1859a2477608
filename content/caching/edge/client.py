"""The reader at the other end."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class Client:
    """`has_body` until all that the client sends with its request was received."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.receive_next = receive
        self.send_next = send
        self.has_body = True
        self.has_gone = False

    async def receive(self) -> Message:
        message = await self.receive_next()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self.has_body = False
        return message

    async def send(self, message: Message) -> None:
        """To whoever has gone nothing is sent, and nobody else minds."""
        if self.has_gone:
            return
        try:
            await self.send_next(message)
        except Exception:
            self.has_gone = True
