"""The worker process: `python -m project.serving.worker_main OPTIONS LISTENER PARENT`, the last two open sockets."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import uvicorn

from project.serving.listener import BACKLOG, duplicate, url_of
from project.serving.options import Options
from project.serving.worker import GRACEFUL_SECONDS, KILL_SECONDS
from project.wrong_settings import WrongSettings

APPLICATION = "project.asgi:application"
HTTP = "content.caching.edge.protocol:EdgeProtocol"
WEBSOCKETS = "content.ops.live.protocol:LiveProtocol"
# Seconds. Longer than the keep-alive of the proxies in front, so that they close first.
KEEP_ALIVE = 75
# Turns of uvicorn's loop, of 0.1 s, between two signs of life.
TURNS_A_BEAT = 10
# Seconds. uvicorn looks as often whether all connections are closed.
CHECK_INTERVAL = 0.1


def main(options: str, listener: str, parent: str) -> None:
    connection = socket.socket(fileno=int(parent))
    # A thread, so that a blocked event loop cannot hide the parent's death.
    threading.Thread(target=exit_with_parent, args=(connection,), name="parent", daemon=True).start()
    chosen, sock = Options.from_json(options), socket.socket(fileno=int(listener))

    def report_ready() -> None:
        connection.send(b"1")
        note_address(url_of(sock, tls=bool(chosen.certfile)))

    def beat() -> None:
        # A parent that does not read must not block readers.
        with contextlib.suppress(OSError):
            connection.send(b".", socket.MSG_DONTWAIT)

    server = Server(uvicorn_config(chosen), report_ready, beat)
    try:
        server.run(duplicate(sock))
    except WrongSettings as error:
        sys.exit(str(error))


def note_address(url: str) -> None:
    """Pages of the address that this process listens on are warmed, unless the settings name others."""
    # Imported late: it needs the settings, which the application has read by now.
    from project.origins import served_origins

    served_origins.add(url)


def exit_with_parent(connection: socket.socket) -> None:
    """Waits for the parent's death. Then ends this process as the parent would have."""
    with contextlib.suppress(OSError):
        while connection.recv(1):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(KILL_SECONDS)
    os._exit(1)


def uvicorn_config(options: Options) -> uvicorn.Config:
    config = Config(
        APPLICATION,
        loop="uvloop",
        http=HTTP,
        ws=WEBSOCKETS,
        lifespan="on",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        limit_concurrency=options.limit_concurrency,
        forwarded_allow_ips=trusted_proxies(options),
        ssl_certfile=options.certfile,
        ssl_keyfile=options.keyfile,
        server_header=False,
        access_log=options.access_log,
        # uvicorn's loggers then use Django's LOGGING.
        log_config=None,
        log_level="warning",
    )
    if options.access_log:
        # uvicorn has one level for all its loggers, and logs accesses at INFO.
        logging.getLogger("uvicorn.access").setLevel(logging.INFO)
    return config


def trusted_proxies(options: Options) -> str:
    """The named ones only. uvicorn also trusts 127.0.0.1, where a tunnel may forward header fields of strangers."""
    named = options.forwarded_allow_ips
    return os.environ.get("FORWARDED_ALLOW_IPS", "") if named is None else named


class Config(uvicorn.Config):
    """uvicorn's, which loads the application without collecting garbage: that takes a fifth of the time."""

    def load(self) -> None:
        gc.disable()
        try:
            super().load()
        finally:
            # Until the application has started, and collects all: else the next requests would go through it.
            gc.freeze()
            gc.enable()


class Server(uvicorn.Server):
    """uvicorn's server, which reports when it is ready, and closes every connection that it has accepted."""

    def __init__(
        self, config: uvicorn.Config, report_ready: Callable[[], object], beat: Callable[[], object]
    ) -> None:
        super().__init__(config)
        self.report_ready = report_ready
        self.beat = beat

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Load the application. SIGTERM kills until it returns: there is no request to finish yet."""
        await super().startup(sockets)
        signal.signal(signal.SIGTERM, self.request_exit)
        self.report_ready()

    async def on_tick(self, counter: int) -> bool:
        if counter % TURNS_A_BEAT == 0:
            self.beat()
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Installs no handlers: SIGTERM comes from the parent, and terminal signals are blocked."""
        yield

    def request_exit(self, number: int, frame: FrameType | None) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn asks each connection to close, once. It misses some:

        1. The kernel hands over a connection in one turn of the event loop. Its protocol is created in the next.
        2. In between, shutdown closes the listeners and asks the connections it knows.
        3. The protocol is created, or its TLS handshake ends. It stays open until the process ends, which cuts it in
           the middle of a request.
        """
        closing = asyncio.create_task(self.close_late_connections(set(self.server_state.connections)))
        try:
            await super().shutdown(sockets)
        finally:
            closing.cancel()

    async def close_late_connections(self, known: set[Any]) -> None:
        connections = self.server_state.connections
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            for connection in connections - known:
                connection.shutdown()
            known = set(connections)


if __name__ == "__main__":
    main(*sys.argv[1:])
