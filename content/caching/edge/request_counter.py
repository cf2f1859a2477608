"""Count responses that are no plain hits: what the cache did for them is in their Cache-Status.

EdgeProtocol counts all responses of its connections. Under another server, `RequestCounter` counts those of the
application.
"""

from collections.abc import Callable
from time import perf_counter_ns
from typing import Protocol

from ..metrics.process_counts import process_counts
from .asgi import Application, Message, Receive, Send
from .cache_outcome import outcome_of

# Scope key: who counts the response of this request.
COUNTED = "evergreen.counted"


class Counted(Protocol):
    """The response of a request that something counts. `is_plain_hit`: the fast path has counted it."""

    is_plain_hit: bool


def count_response(counted: Counted, status: int, headers: list[tuple[bytes, bytes]], began: int) -> None:
    """Count a response whose head is written now. `began`: `perf_counter_ns` at its request."""
    outcome = outcome_of(headers)
    if not counted.is_plain_hit:
        process_counts.count_response(status, outcome)
    process_counts.time_response(outcome, perf_counter_ns() - began)


class _Response:
    def __init__(self) -> None:
        self.is_plain_hit = self.has_started = False


class RequestCounter:
    """ASGI middleware, to be the outermost. `begin`: called before each request; it opens the file of counts.

    A response counts when the application sends its head, once. An error before it counts as the server's 500.
    """

    def __init__(self, app: Application, begin: Callable[[], None]) -> None:
        self.app = app
        self._begin = begin

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self._begin()
        if scope["type"] != "http" or COUNTED in scope:
            await self.app(scope, receive, send)
            return
        began, response = perf_counter_ns(), _Response()

        async def count_and_send(message: Message) -> None:
            if message["type"] == "http.response.start" and not response.has_started:
                response.has_started = True
                headers = list(message.get("headers", ()))
                message = {**message, "headers": headers}
                count_response(response, message["status"], headers, began)
            await send(message)

        try:
            await self.app({**scope, COUNTED: response}, receive, count_and_send)
        except Exception:
            if not response.has_started:
                count_response(response, 500, [], began)
            raise
