"""What clients of EdgeProtocol ask for, as far as it was read before."""

from typing import Any, NamedTuple

from content.caching.edge.asking import Asking
from content.caching.edge.known import Known

# Whole requests that are remembered: most of them share what their sections ask for.
MOST_WISHES, MOST_BYTES_OF_WISHES = 16 * 1024, 64 * 1024 * 1024


class Reader(NamedTuple):
    """Who sends a header section: `asking` for what; `client`, if a proxy has said which."""

    asking: Asking | None
    client: Any = None


# A request that may be a plain hit: who asks for what, under which key, whether by HEAD, and its method and target.
Wish = tuple[Reader, Asking, str, bool, bytes]

Defaults = list[tuple[bytes, bytes]]


class Way:
    """What is known of requests that come the same way: by the same scheme, and trusted alike to speak for others."""

    def __init__(self) -> None:
        self.sections: Known[Reader] = Known()
        # Whole requests for what is hot.
        self.wishes: Known[Wish] = Known(MOST_WISHES, MOST_BYTES_OF_WISHES)
        self.defaults: Defaults | None = None
        self.defaults_written = b""

    def written(self, defaults: Defaults) -> bytes:
        """What uvicorn says with every answer, its Date among it: once a second another list."""
        if defaults is not self.defaults:
            self.defaults = defaults
            self.defaults_written = b"".join(b"%b: %b\r\n" % pair for pair in defaults)
        return self.defaults_written
