"""Health checks, served before all else: for any Host, over plain HTTP, and without middleware.

A load balancer requests them by the address of this process, and follows no redirect to HTTPS.
"""

from io import BytesIO

from django.core.handlers.asgi import ASGIRequest

from content.caching.edge.asgi import Application, Message, Receive, Send
from content.ops.health import healthz, readyz

VIEWS = {"/healthz": healthz, "/readyz": readyz}


def with_health(application: Application) -> Application:
    return Health(application)


class Health:
    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        view = VIEWS.get(scope["path"]) if scope["type"] == "http" else None
        if view is None:
            await self.application(scope, receive, send)
            return
        response = await view(ASGIRequest(scope, BytesIO()))
        body = b"" if scope["method"] == "HEAD" else response.content
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
        headers.append((b"content-length", str(len(response.content)).encode()))
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": body})
