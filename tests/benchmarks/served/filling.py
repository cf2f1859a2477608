"""Many pages, asked for before all of them are measured: twice, for caches that have more to do at the first hit."""

import socket

from tests.benchmarks.contender import Contender
from tests.benchmarks.served.right import SECONDS, Wrong

# Concurrent requests on one connection.
AT_ONCE = 16


def fill(contender: Contender, pages: int) -> None:
    """Raises Wrong where one is not answered with 200."""
    with socket.create_connection(("127.0.0.1", contender.port), timeout=SECONDS) as connection:
        answers = connection.makefile("rb")
        for first in (*range(0, pages, AT_ONCE), *range(0, pages, AT_ONCE)):
            numbers = range(first, min(first + AT_ONCE, pages))
            connection.sendall(
                b"".join(b"GET /many/%d HTTP/1.1\r\nHost: site\r\n\r\n" % number for number in numbers)
            )
            for number in numbers:
                status = answers.readline()
                if b" 200 " not in status:
                    raise Wrong(f"{contender.name}: {status!r} for /many/{number}")
                answers.read(rest_of_head(answers))


def rest_of_head(answers: object) -> int:
    """Read to its end; the length of the body behind it."""
    length = 0
    while (line := answers.readline()) not in (b"\r\n", b""):  # type: ignore[attr-defined]
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return length
