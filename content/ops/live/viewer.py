"""One client of a WebSocket: what is sent to it, and until when it must have read it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from content.caching.edge.asgi import Message, Receive, Send

from .frame import Frame
from .protocol import EXTENSION
from .visitor import Visitor

# Seconds that a client may take to read what was sent.
DEADLINE = 10.0
# Seconds for a close frame to be sent.
CLOSE_SECONDS = 1.0
# Messages that a client may send in a burst, and in a second.
BURST, A_SECOND = 20, 2.0
# Close codes (RFC 6455, section 7.4): a message that is none of ours; as HTTP's 403 and 429.
REFUSED, FORBIDDEN, TOO_MANY = 1008, 4403, 4429


class Line(Protocol):
    """How frames reach a client. `is_clear`: it has taken all that was written."""

    @property
    def is_clear(self) -> bool: ...

    def write(self, frame: Frame) -> None: ...

    def abort(self) -> None: ...


class TaskLine:
    """A line through any ASGI server: a task sends each frame, and is cancelled if the client does not read."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.task: asyncio.Task[None] | None = None

    @property
    def is_clear(self) -> bool:
        return self.task is None or self.task.done()

    def write(self, frame: Frame) -> None:
        self.task = asyncio.ensure_future(self._send(frame))

    async def _send(self, frame: Frame) -> None:
        try:
            await self.send({"type": "websocket.send", "text": frame.text.decode()})
        except Exception:
            # The client has disconnected; `receive` says so as well.
            return

    def abort(self) -> None:
        if self.task is not None:
            self.task.cancel()


class Viewer:
    """`slot`: the latest frame that waits until the client has read the one before."""

    def __init__(self, scope: Message, send: Send, visitor: Visitor, clock: Callable[[], float] = time.monotonic):
        self.visitor = visitor
        self.query: bytes = scope.get("query_string", b"")
        self.send = send
        given = scope.get("extensions", {}).get(EXTENSION)
        self.line: Line = given["line"] if given else TaskLine(send)
        self.clock = clock
        self.slot: Frame | None = None
        self.behind_since: float | None = None
        self.is_paused, self.paused_at = False, 0.0
        # The number of messages that it may still send at once, and the time of that count.
        self.allowance, self.counted_at = float(BURST), clock()
        self.closing: asyncio.Task[None] | None = None

    def offer(self, frame: Frame | None = None) -> None:
        """Send the frame, or what waits in the slot. A client that is past its deadline is disconnected."""
        frame = frame or self.slot
        if self.line.is_clear:
            self.slot = self.behind_since = None
            if frame is not None:
                self.line.write(frame)
            return
        self.slot = frame
        self.behind_since = self.clock() if self.behind_since is None else self.behind_since
        if self.clock() - self.behind_since > DEADLINE:
            self.line.abort()

    async def read(self, receive: Receive) -> dict[str, Any] | None:
        """The next message of the client; None at its end, or if it sends what it must not."""
        message = await receive()
        if message["type"] != "websocket.receive":
            return None
        now = self.clock()
        self.allowance = min(float(BURST), self.allowance + (now - self.counted_at) * A_SECOND) - 1
        self.counted_at = now
        try:
            content = msgspec.json.decode(message["text"]) if message.get("text") is not None else None
        except (msgspec.DecodeError, RecursionError):
            content = None
        if self.allowance >= 0 and isinstance(content, dict):
            return content
        self.close(TOO_MANY if self.allowance < 0 else REFUSED)
        return None

    async def read_until_end(self, receive: Receive) -> None:
        while (await receive())["type"] == "websocket.receive":
            pass

    def close(self, code: int) -> None:
        """Begin to close. A client that does not read is disconnected."""
        if not self.line.is_clear:
            self.line.abort()
        elif self.closing is None:
            self.closing = asyncio.ensure_future(self._close(code))

    async def wait_until_closed(self) -> None:
        """Wait until the close message is sent: when the application returns, the server disconnects."""
        if self.closing is not None:
            await asyncio.wait({self.closing}, timeout=CLOSE_SECONDS)

    async def _close(self, code: int) -> None:
        try:
            await self.send({"type": "websocket.close", "code": code})
        except Exception:
            return
