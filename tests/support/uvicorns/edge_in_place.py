"""A pytest plugin for uvicorn's own tests: EdgeProtocol in the place of HttpToolsProtocol, under its name.

uvicorn's tests are a package `tests`, as ours are: this is loaded as a top-level module, and imports nothing of ours
but the engine. From the environment:

    EDGE_APPLICATION   bare: as uvicorn's tests have it; cached: behind an EdgeCache; twice: behind one that stores,
                       and what may be stored is asked for again, so that its test sees the plain hit
    EDGE_LEFT_OUT      JSON, tests that are not run: beginnings of their ids
    EDGE_TOLD          a file, for the `Report`
"""

import asyncio
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http import httptools_impl

from content.caching.edge import EdgeCache
from content.caching.edge.protocol import EdgeProtocol

APPLICATION = os.environ.get("EDGE_APPLICATION", "bare")
LEFT_OUT = tuple(json.loads(os.environ.get("EDGE_LEFT_OUT", "[]")))
PLACE = "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol"


@dataclass
class Report:
    """Ids of tests, but for `hits` and `unused`: entries of EDGE_LEFT_OUT that leave nothing out."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)
    hits: int = 0
    unused: list[str] = field(default_factory=list)


totals, connections = Report(), 0


class InPlace(EdgeProtocol):
    def __init__(self, *args: Any, **options: Any) -> None:
        global connections
        super().__init__(*args, **options)
        connections += 1
        self.received = b""
        self.loop.protocol = self  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.received = data
        super().data_received(data)

    def _write_hit(self, *args: Any) -> None:
        totals.hits += 1
        super()._write_hit(*args)


InPlace.__name__ = "HttpToolsProtocol"
httptools_impl.HttpToolsProtocol = InPlace  # type: ignore[misc]


class Storable:
    """An application whose answers may all be stored."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        async def say(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", []), (b"cache-control", b"max-age=60")]
                message = {**message, "headers": headers}
            await send(message)

        return await self.app(scope, receive, say)


def load(config: Config, load: Any = Config.load) -> None:
    """Where an EdgeCache stands: inside the proxy headers, around all else."""
    load(config)
    outer = config.loaded_app
    inner = outer.app if isinstance(outer, ProxyHeadersMiddleware) else outer
    app: Any = Storable(inner) if APPLICATION == "twice" else inner
    edge = EdgeCache(app)
    if isinstance(outer, ProxyHeadersMiddleware):
        outer.app = edge  # type: ignore[assignment]
    else:
        config.loaded_app = edge


if APPLICATION != "bare":
    Config.load = load  # type: ignore[method-assign, assignment]


# --- what the tests' own loop and transport lack ------------------------------------------------------------------


def give_a_clock(loop: Any) -> None:
    """Its timers go off when a test says so; EdgeProtocol asks for the time as well."""

    def run_later(self: Any, with_delay: float, run_later: Any = loop.run_later) -> None:
        self.now = self.time() + with_delay
        run_later(self, with_delay)

    loop.time = lambda self: getattr(self, "now", 0.0)
    loop.run_later = run_later


def ask_twice(loop: Any) -> None:
    """Drop the first response and send the request again: the test sees the second response."""

    async def run_one(self: Any, run_one: Any = loop.run_one) -> None:
        protocol = self.protocol
        before = len(protocol.transport.buffer)
        await run_one(self)
        await wait_for_tasks(protocol)
        may_be = protocol.received.startswith((b"GET ", b"HEAD ")) and protocol.received.endswith(b"\r\n\r\n")
        if may_be and protocol.is_between_messages():
            protocol.transport.buffer = protocol.transport.buffer[:before]
            protocol.data_received(protocol.received)
            if self._tasks:
                await run_one(self)

    loop.run_one = run_one


async def wait_for_tasks(protocol: EdgeProtocol) -> None:
    while protocol.fast_path is not None and (tasks := protocol.fast_path.origin.engine.loop_state().tasks):
        await asyncio.wait(set(tasks))


# --- which tests, and what of them --------------------------------------------------------------------------------


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for module in {item.module for item in items if hasattr(item, "module")}:
        if hasattr(module, "MockLoop") and module.__name__ == "tests.protocols.test_http":
            give_a_clock(module.MockLoop)
            if APPLICATION == "twice":
                ask_twice(module.MockLoop)
    mine = [item for item in items if is_of_this_protocol(item)]
    left_out = [item for item in mine if name_of(item).startswith(LEFT_OUT)]
    totals.left_out = [name_of(item) for item in left_out]
    totals.unused = [name for name in LEFT_OUT if not any(out.startswith(name) for out in totals.left_out)]
    items[:] = [item for item in mine if item not in left_out]


def is_of_this_protocol(item: Any) -> bool:
    """But for what is of another: h11, or zttp."""
    chosen = item.callspec.params.get("http_protocol_cls", PLACE) if hasattr(item, "callspec") else PLACE
    return bool(chosen == PLACE) and "h11" not in item.name


def name_of(item: pytest.Item) -> str:
    return item.nodeid.removeprefix("tests/")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Any:
    before = connections
    result = yield
    if connections > before:
        totals.connected.append(name_of(item))
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    name = report.nodeid.removeprefix("tests/")
    if report.failed:
        totals.failed.append(name)
    elif report.skipped:
        totals.skipped.append(name)
    elif report.when == "call":
        totals.passed.append(name)


def pytest_sessionfinish() -> None:
    if path := os.environ.get("EDGE_TOLD"):
        Path(path).write_text(json.dumps(asdict(totals)))
