"""A TCP proxy in a thread, for what a network can do to a connection."""

import asyncio
import contextlib
import threading
from dataclasses import dataclass


@dataclass
class Weather:
    """The fate of bytes on their way to the server and back."""

    delay: float = 0.0
    swallowing: bool = False


class Proxy:
    """Between clients and a server on loopback. Change `weather` at any time; `reset` cuts what there is."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.weather = Weather()
        self.port = 0
        self.writers: set[asyncio.StreamWriter] = set()
        self.started = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self) -> "Proxy":
        self.thread.start()
        self.started.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        asyncio.run_coroutine_threadsafe(self.close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.listen())
        self.loop.run_forever()

    async def listen(self) -> None:
        self.server = await asyncio.start_server(self.carry, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        self.started.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.close()
            return
        self.writers |= {writer, forth}
        await asyncio.gather(self.pump(reader, forth), self.pump(back, writer), return_exceptions=True)
        for each in (writer, forth):
            self.writers.discard(each)
            each.close()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while content := await reader.read(65536):
                if self.weather.delay:
                    await asyncio.sleep(self.weather.delay)
                if not self.weather.swallowing:
                    writer.write(content)
                    await writer.drain()
        finally:
            with contextlib.suppress(OSError):
                writer.close()

    def reset(self) -> None:
        """Abort every connection."""

        def abort_all() -> None:
            for writer in list(self.writers):
                writer.transport.abort()

        self.loop.call_soon_threadsafe(abort_all)

    async def close(self) -> None:
        self.server.close()
        for writer in list(self.writers):
            writer.transport.abort()
        await asyncio.sleep(0.05)
        for task in asyncio.all_tasks(self.loop) - {asyncio.current_task()}:
            task.cancel()
