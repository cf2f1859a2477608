"""What 500 live dashboards cost, and how soon they are right again after a fault.

python -m tests.benchmarks.dashboards [--viewers N] [--workers N] [--seconds N] [--restarts N]

A site with processes, a Redis, and a channel layer in a Redis of its own. Two viewers more are raw sockets: one reads
a kilobyte a second, one never reads. Then the channel layer is restarted again and again, and the server once. At
last the server ends.
"""

import argparse
import asyncio
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import uvloop
from websockets.asyncio.client import connect

from tests.benchmarks.cpu import own_seconds
from tests.benchmarks.rounds import console
from tests.support.live import LiveSite, live_site
from tests.support.servers.process import free_port
from tests.support.servers.redis import RedisServer, running_redis

USERS = 16
# Bytes that the slow viewer reads each second.
SLOW = 1024
HANDSHAKE = (
    "GET /ops/live/ HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: sessionid={session}\r\nConnection: "
    "Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="
    "\r\n\r\n"
)


class Watcher:
    """A dashboard in a browser: it keeps the time of its last state, and connects again with a pause of its own."""

    def __init__(self, site: LiveSite, session: str) -> None:
        self.site = site
        self.session = session
        self.at = 0.0
        self.every = 0.0
        self.bytes = 0
        self.states = 0

    async def run(self) -> None:
        url = self.site.service.url
        headers = {"Cookie": f"sessionid={self.session}"}
        while True:
            with suppress(Exception):
                async with connect(
                    f"{url.replace('http', 'ws', 1)}/ops/live/?since={self.at}",
                    origin=url,  # type: ignore[arg-type]
                    additional_headers=headers,
                    max_size=None,
                ) as connection:
                    async for message in connection:
                        self.see(str(message))
            await asyncio.sleep(random.uniform(0.05, 0.5))

    def see(self, message: str) -> None:
        self.bytes += len(message)
        if message.startswith('{"kind":"state"'):
            self.states += 1
            self.every = float(message.partition('"every":')[2].partition(",")[0])
            self.at = float(message.partition('"at":')[2].partition(",")[0])


class Layer:
    """The Redis of the channel layer, which can be restarted."""

    def __init__(self) -> None:
        self.port = free_port()
        self.stack = ExitStack()
        self.server: RedisServer | None = None

    def start(self) -> None:
        self.server = self.stack.enter_context(running_redis(port=self.port))

    def stop(self) -> None:
        self.stack.close()


async def open_raw(site: LiveSite, session: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A viewer whose kernel takes little before it is read."""
    host = site.service.url.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"), limit=SLOW)
    writer.write(HANDSHAKE.format(host=host, session=session).encode())
    return reader, writer


async def read_slowly(reader: asyncio.StreamReader) -> None:
    while await reader.read(SLOW):
        await asyncio.sleep(1)


def web_processes(site: LiveSite) -> list[int]:
    return sorted(pid for pid, command in site.service.descendants().items() if "worker_main" in command)


async def measure_cpu(site: LiveSite, seconds: float) -> list[float]:
    """Milliseconds of processor time a second, of each web process."""
    before = {pid: own_seconds(pid) for pid in web_processes(site)}
    began = time.monotonic()
    await asyncio.sleep(seconds)
    passed = time.monotonic() - began
    return [1000 * (own_seconds(pid) - spent) / passed for pid, spent in before.items()]


async def seconds_until_right(watchers: list[Watcher]) -> float:
    """Until every viewer has a state that was taken after now."""
    began, wall = time.monotonic(), time.time()
    while any(watcher.at < wall for watcher in watchers):
        if time.monotonic() - began > 60:
            late = sum(watcher.at < wall for watcher in watchers)
            raise SystemExit(f"{late} viewers have seen no new state for a minute.")
        await asyncio.sleep(0.01)
    return time.monotonic() - began


def megabytes(server: RedisServer | None) -> float:
    if server is None:
        return 0.0
    with server.client() as client:
        return float(client.info("memory")["used_memory"]) / 1e6


@contextmanager
def running(options: argparse.Namespace, layer: Layer) -> Iterator[LiveSite]:
    layer.start()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        url = f"redis://127.0.0.1:{layer.port}/0"
        arguments = ("--workers", str(options.workers))
        with live_site(Path(folder) / "state", *arguments, users=USERS, EVERGREEN_CHANNELS_URL=url) as site:
            yield site
    layer.stop()


async def measure(site: LiveSite, layer: Layer, options: argparse.Namespace) -> None:
    sessions = [site.sessions[f"staff{number}"] for number in range(USERS)]
    idle = await measure_cpu(site, 10)
    watchers = [Watcher(site, sessions[number % USERS]) for number in range(options.viewers)]
    tasks = [asyncio.create_task(watcher.run()) for watcher in watchers]
    console.print(f"All {len(watchers)} viewers see a state after {await seconds_until_right(watchers):.2f} s.")
    slow, _slow_writer = await open_raw(site, sessions[0])
    tasks.append(asyncio.create_task(read_slowly(slow)))
    _frozen = await open_raw(site, sessions[1])
    await asyncio.sleep(5)
    states = sum(watcher.states for watcher in watchers)
    spent = await measure_cpu(site, options.seconds)
    a_second = (sum(watcher.states for watcher in watchers) - states) / options.seconds / len(watchers)
    console.print(f"CPU of each web process, ms a second: idle {words(idle)}, with the viewers {words(spent)}.")
    console.print(f"A viewer gets {a_second:.2f} states a second; the last says every {watchers[0].every:g} s.")
    console.print(f"Redis has {megabytes(site.redis):.1f} MB, that of the layer {megabytes(layer.server):.1f} MB.")
    await restart_layer(site, layer, watchers, options.restarts)
    await restart_server(site, watchers)
    await end_server(site)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def restart_layer(site: LiveSite, layer: Layer, watchers: list[Watcher], restarts: int) -> None:
    down, up = [], []
    for _ in range(restarts):
        await asyncio.to_thread(layer.stop)
        down.append(await seconds_until_right(watchers))
        await asyncio.to_thread(layer.start)
        up.append(await seconds_until_right(watchers))
    console.print(
        f"The channel layer was restarted {restarts} times. All viewers were right again after at most "
        f"{max(down, default=0):.2f} s without it and {max(up, default=0):.2f} s with it. Redis has "
        f"{megabytes(site.redis):.1f} MB, that of the layer {megabytes(layer.server):.1f} MB."
    )


async def restart_server(site: LiveSite, watchers: list[Watcher]) -> None:
    before = sum("Restarted:" in line for line in site.service.lines)
    site.service.process.send_signal(signal.SIGHUP)
    began, longest = time.monotonic(), 0.0
    while sum("Restarted:" in line for line in site.service.lines) <= before:
        longest = max(longest, time.time() - min(watcher.at for watcher in watchers))
        await asyncio.sleep(0.01)
    seconds = time.monotonic() - began
    right = await seconds_until_right(watchers)
    console.print(
        f"SIGHUP: all processes were replaced after {seconds:.2f} s, and all viewers right {right:.2f} s later. "
        f"Meanwhile the oldest state of a viewer was {longest:.2f} s old."
    )


async def end_server(site: LiveSite) -> None:
    began = time.monotonic()
    site.service.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(site.service.process.wait, 60)
    console.print(f"SIGTERM: the server has ended after {time.monotonic() - began:.2f} s.")


def words(milliseconds: list[float]) -> str:
    return ", ".join(f"{each:.1f}" for each in milliseconds)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.dashboards")
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=20, help="of the measurement (default %(default)s)")
    parser.add_argument("--restarts", type=int, default=20, help="of the channel layer (default %(default)s)")
    options = parser.parse_args()
    layer = Layer()
    with running(options, layer) as site:
        uvloop.run(measure(site, layer, options))


if __name__ == "__main__":
    main()
