"""Count responses that are no plain hits: what the cache did for them is in their Cache-Status.

EdgeProtocol counts all responses of its connections. Under another server, `RequestCounter` counts those of the
application.
"""

from collections.abc import Callable, Iterable
from time import perf_counter_ns

from ..metrics.process_counts import OTHER, REASONS, process_counts
from .asgi import Application, Message, Receive, Send

# Scope key: the server counts the response of this request.
COUNTED = "evergreen.counted"
_PASSED = frozenset({b"fwd=bypass", b"fwd=method"})
_MISSES = {f"fwd={reason}".encode(): f"miss {reason}" for reason in REASONS if reason != OTHER}


def outcome_of(headers: Iterable[Iterable[bytes]]) -> str:
    """What the cache did for a response, as one of OUTCOMES, by the last Cache-Status: ours (RFC 9211)."""
    status = None
    for name, value in headers:
        if name == b"cache-status":
            status = value
    if status is None:
        return "none"
    # Key and detail come last. They hold text of others.
    parameters = status.partition(b"; key=")[0].partition(b"; detail=")[0].split(b"; ")[1:]
    return _outcome_of_parameters(parameters)


def _outcome_of_parameters(parameters: list[bytes]) -> str:
    if b"collapsed" in parameters:
        return "joined"
    forwarded = next((each for each in parameters if each.startswith(b"fwd=")), None)
    if b"hit" in parameters:
        if any(each.startswith(b"ttl=-") for each in parameters):
            return "stale"
        if forwarded is None:
            return "hit"
    if forwarded in _PASSED:
        return "pass"
    return _MISSES.get(forwarded or b"", f"miss {OTHER}")


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
        began, has_started = perf_counter_ns(), False

        async def count_and_send(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start" and not has_started:
                has_started = True
                headers = list(message.get("headers", ()))
                message, outcome = {**message, "headers": headers}, outcome_of(headers)
                process_counts.count_response(message["status"], outcome, perf_counter_ns() - began)
            await send(message)

        try:
            await self.app(scope, receive, count_and_send)
        except Exception:
            if not has_started:
                process_counts.count_response(500, "none", perf_counter_ns() - began)
            raise
