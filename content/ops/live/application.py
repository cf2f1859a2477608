"""The WebSockets of the ASGI application: staff only, from pages of this site only."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from content.caching.edge.asgi import Application, Message, Receive, Send

from .dashboards import Dashboards
from .viewer import Viewer
from .visitor import find_visitor, is_same_origin, session_of

logger = logging.getLogger(__name__)

DASHBOARD = "/ops/live/"
# Seconds in which a visitor must be known.
HANDSHAKE_SECONDS = 5.0
_REFUSAL = {"type": "websocket.close", "code": 4403}

_dashboards: WeakKeyDictionary[asyncio.AbstractEventLoop, Dashboards] = WeakKeyDictionary()


def dashboards() -> Dashboards:
    """Those of the running event loop."""
    return _dashboards.setdefault(asyncio.get_running_loop(), Dashboards())


Serve = Callable[[Viewer, Receive], Awaitable[None]]
PATHS: dict[str, Callable[[], Serve]] = {DASHBOARD: lambda: dashboards().serve}


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
    """Refuse the handshake (uvicorn answers 403), or serve until the client leaves."""
    await receive()
    path, session = PATHS.get(scope["path"]), session_of(scope)
    if path is None or not session or not is_same_origin(scope):
        await send(_REFUSAL)
        return
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            visitor = await find_visitor(session)
    except Exception as error:
        logger.warning("A WebSocket was refused, because its user cannot be read from the database: %s", error)
        visitor = None
    if visitor is None:
        await send(_REFUSAL)
        return
    await send({"type": "websocket.accept"})
    await path()(Viewer(scope, send, visitor), receive)
