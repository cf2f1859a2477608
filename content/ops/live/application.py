"""The WebSockets of the ASGI application: staff only, from pages of this site only."""

import asyncio
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from content.caching.edge.asgi import Application, Message, Receive, Send

from .dashboards import Dashboards
from .editing import Editing
from .guard import Guard, Refusal
from .viewer import Viewer
from .visitor import is_same_origin, session_of

Serve = Callable[[Viewer, Receive], Awaitable[None]]

DENIAL = "websocket.http.response"


class Rooms:
    """The guard and the handlers of one event loop, by path."""

    def __init__(self) -> None:
        self.guard = Guard()
        self.dashboards = Dashboards()
        self.paths: dict[str, Serve] = {
            "/ops/live/": self.dashboards.serve,
            "/ops/presence/": Editing().serve,
        }


_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, Rooms] = WeakKeyDictionary()


def rooms() -> Rooms:
    """Those of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _rooms:
        _rooms[loop] = Rooms()
    return _rooms[loop]


def with_websockets(application: Application) -> Application:
    return WebSockets(application)


class WebSockets:
    """Serve WebSockets, and pass on all other scopes."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await serve(scope, receive, send)
        else:
            await self.application(scope, receive, send)


async def serve(scope: Message, receive: Receive, send: Send) -> None:
    """Refuse the handshake, or serve until the client leaves."""
    await receive()
    try:
        viewer, path = await admit(scope, send)
    except Refusal as refusal:
        await refuse(scope, send, refusal.status)
        return
    async with rooms().guard.watching(viewer):
        await send({"type": "websocket.accept"})
        try:
            await path(viewer, receive)
        finally:
            await viewer.wait_until_closed()


async def admit(scope: Message, send: Send) -> tuple[Viewer, Serve]:
    """Raises Refusal."""
    path, session = rooms().paths.get(scope["path"]), session_of(scope)
    if path is None or not session or not is_same_origin(scope):
        raise Refusal(403)
    return Viewer(scope, send, await rooms().guard.identify(session)), path


async def refuse(scope: Message, send: Send, status: int) -> None:
    """Close without a reason: strangers learn nothing."""
    if DENIAL not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 4000 + status})
        return
    headers = [(b"cache-control", b"no-store"), *([(b"retry-after", b"5")] if status != 403 else [])]
    await send({"type": f"{DENIAL}.start", "status": status, "headers": headers})
    await send({"type": f"{DENIAL}.body", "body": b""})
