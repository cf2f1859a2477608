"""uvicorn's WebSocket protocol with bounds, frames that many connections share, and an end within a second.

Use it as `uvicorn.Config(ws="content.ops.live.protocol:LiveProtocol")`; `manage.py serve` does.
"""

import asyncio
import socket
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame as ReceivedFrame
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from .frame import WINDOW_BITS, Frame

EXTENSION = "evergreen.line"
# Bytes of a message from a client, and fragments of one.
LARGEST_MESSAGE, MOST_FRAGMENTS = 4096, 16
# Bytes that the kernel keeps for a client that does not read, and bytes in memory after which it is disconnected.
SEND_BUFFER, MOST_UNSENT = 128 * 1024, 2 * 1024 * 1024
# Seconds for a client to answer a close frame, and to read what was sent before the end.
CLOSE_SECONDS, LAST_SECONDS = 2.0, 1.0


class LiveProtocol(WebSocketsSansIOProtocol):
    """The application finds it in its scope, under EXTENSION: it is a `Line`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # One compressed frame serves all clients: none depends on the frames before.
        extension = ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)
        self.conn = ServerProtocol(extensions=[extension], max_size=LARGEST_MESSAGE, logger=self.logger)
        self.close_timeout = CLOSE_SECONDS
        self.last_call: asyncio.TimerHandle | None = None
        self.is_deflated = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            # A client may demand a window that is smaller than that of the shared frames.
            self.is_deflated = any(
                isinstance(each, PerMessageDeflate) and each.local_max_window_bits == WINDOW_BITS
                for each in self.conn.extensions
            )
            self.scope["extensions"][EXTENSION] = {"line": self}

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Each ping is answered: a client that sends many and reads nothing would fill the memory.
        if self.transport.get_write_buffer_size() > MOST_UNSENT:
            self.abort()

    def handle_cont(self, event: ReceivedFrame) -> None:
        if len(self.frames) >= MOST_FRAGMENTS:
            self.conn.fail(1009, "too many fragments")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    # --- a line ---------------------------------------------------------------------------------------

    @property
    def is_clear(self) -> bool:
        """Whether the kernel has taken all that was written."""
        return not self.transport.get_write_buffer_size()

    def write(self, frame: Frame) -> None:
        """Send a frame. It has no effect before the handshake and after the end."""
        if self.conn.state is OPEN and not self.close_sent and not self.transport.is_closing():
            self.transport.write(frame.deflated if self.is_deflated else frame.plain)

    def abort(self) -> None:
        """Disconnect at once. Unsent messages are lost."""
        self.transport.abort()

    # --- the end --------------------------------------------------------------------------------------

    def _end_soon(self, seconds: float = LAST_SECONDS) -> None:
        """A closed transport first sends what it has: a client that does not read would keep it open for ever."""
        if self.last_call is None:
            self.last_call = self.loop.call_later(seconds, self.abort)

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.close":
            self._end_soon(self.close_timeout + LAST_SECONDS)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._end_soon()

    def handle_close(self, event: ReceivedFrame) -> None:
        super().handle_close(event)
        self._end_soon()

    def handle_parser_exception(self) -> None:
        """Before the handshake is accepted there is nobody to tell."""
        if self.conn.close_sent is None:
            self.abort()
        else:
            super().handle_parser_exception()
            self._end_soon()

    def shutdown(self) -> None:
        super().shutdown()
        self._end_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.last_call is not None:
            self.last_call.cancel()
        super().connection_lost(exc)
