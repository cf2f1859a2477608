"""The server's start and end (ASGI lifespan, version 2.0), which Django does not answer."""

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
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await flush_views()
    await send({"type": "lifespan.shutdown.complete"})
