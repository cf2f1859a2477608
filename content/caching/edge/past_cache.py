"""Call the application for a stored page's request, past the cache: nothing is looked up, and nothing is stored."""

from typing import Any
from urllib.parse import unquote, urlsplit

from .asgi import Message
from .origin import Origin, OriginRequest
from .page import Page
from .request import Request


async def call_application(origin: Origin, page: Page) -> tuple[int, bytes]:
    """Status and body of the application's response. Raises its errors."""
    request = Request(scope_of(page))
    origin_request = OriginRequest(origin.profile, request, None, None, shared=True, personal=False)
    status, body = 0, list[bytes]()

    async def receive_response(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            body.append(bytes(message.get("body", b"")))

    await origin.app(origin_request.scope(), origin_request.receive, receive_response)
    return status, b"".join(body)


def scope_of(page: Page) -> dict[str, Any]:
    """An anonymous request for the page's URL, with the fields by which it was chosen."""
    parts = urlsplit(page.url)
    varied = [
        (name.encode("latin-1"), value[1:].encode("latin-1"))
        for name, value in zip(page.vary, page.varied, strict=True)
        if value.startswith("+") and name != "host"
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": parts.scheme,
        "path": unquote(parts.path),
        "raw_path": parts.path.encode("latin-1"),
        "query_string": parts.query.encode("latin-1"),
        "root_path": "",
        "headers": [(b"host", parts.netloc.encode("latin-1")), *varied],
        "client": None,
        "server": (parts.hostname, parts.port),
        "extensions": {},
    }
