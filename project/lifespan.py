"""The server's start and end (ASGI lifespan, version 2.0), which Django does not answer."""

import gc

from content.popularity import flush_views
from project.asgi_types import Application, Message, Receive, Send


def with_lifespan(application: Application) -> Application:
    return Lifespan(application)


class Lifespan:
    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
        else:
            await self.application(scope, receive, send)


async def live(receive: Receive, send: Send) -> None:
    await receive()
    leave_to_itself_what_stays()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await flush_views()
    await send({"type": "lifespan.shutdown.complete"})


def leave_to_itself_what_stays() -> None:
    """Code, settings and models are here until the process ends: a full collection that walked through them would
    stop every reader for a tenth of a second or more."""
    gc.collect()
    gc.freeze()
