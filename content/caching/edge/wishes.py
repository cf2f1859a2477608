"""What clients of EdgeProtocol ask for, as far as it was read before."""

from typing import Any, NamedTuple

from content.caching.edge.asking import Asking
from content.caching.edge.known import Known

# Whole requests that are remembered.
MOST_WISHES = 16 * 1024


class Reader(NamedTuple):
    """Who sends a header section: `asking` for what; `client`, if a proxy has said which."""

    asking: Asking | None
    client: Any = None


class Wish(NamedTuple):
    """A whole request that may be a plain hit."""

    reader: Reader
    asking: Asking
    key: str
    is_head: bool
    line: bytes


class Way:
    """What is known of requests that come the same way: by the same scheme, and trusted alike to speak for others."""

    def __init__(self) -> None:
        self.sections: Known[Reader] = Known()
        self.wishes: Known[Wish] = Known(MOST_WISHES)
