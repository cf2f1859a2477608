"""One request of a connection and its response, as uvicorn sends it, with one Date, and counted."""

from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from .request_counter import count_response


def has_date(fields: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"date" for name, _ in fields)


class CountedCycle(RequestResponseCycle):
    """uvicorn's, with one Date in a response (RFC 9110, section 6.6.1): the server's, where it adds one.

    Age tells how old a stored response is. A response is counted when its head is written.
    """

    # `perf_counter_ns` when its turn came, and whether the response is a plain hit, which is counted already.
    began: int
    is_plain_hit: bool

    async def send(self, message: Any) -> None:
        if message["type"] != "http.response.start":
            await super().send(message)
            return
        headers = list(message.get("headers", ()))
        if has_date(self.default_headers):
            headers = [pair for pair in headers if bytes(pair[0]).lower() != b"date"]
        await super().send({**message, "headers": headers})  # type: ignore[arg-type]
        if not self.disconnected:
            count_response(self, message["status"], headers, self.began)
