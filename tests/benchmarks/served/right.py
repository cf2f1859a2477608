"""Whether a contender's answer is the right one, and a hit: nobody is fast by being wrong."""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.benchmarks.contender import Contender
from tests.benchmarks.served.rows import Row

SECONDS = 10


class Wrong(Exception):
    """A contender returned another response than the one to be measured."""


def ask(contender: Contender, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str | None, bytes]:
    """Status, the number that the application gave its answer, and the body; raises Wrong if none comes."""
    connection = http.client.HTTPConnection("127.0.0.1", contender.port, timeout=SECONDS)
    try:
        connection.request(method, path, headers=dict(headers))
        response = connection.getresponse()
        return response.status, response.headers["x-number"], response.read()
    except OSError as error:
        raise Wrong(f"{contender.name}, {method} {path}: {error}") from error
    finally:
        connection.close()


def number_of_page(contender: Contender, row: Row) -> str | None:
    """The number of the page behind the row, asked for as a whole."""
    whole = {name: value for name, value in row.headers.items() if name != "If-None-Match"}
    status, number, _ = ask(contender, "GET", row.path, whole)
    if status != 200:
        raise Wrong(f"{contender.name}: {status} for {row.path}")
    return number


@contextmanager
def only_hits(contender: Contender, row: Row) -> Iterator[None]:
    """The page is stored when it begins, its answer is right, and it is the same page at the end; raises Wrong."""
    number_of_page(contender, row)
    number = number_of_page(contender, row)
    answer_is_right(contender, row)
    yield
    if number_of_page(contender, row) != number:
        raise Wrong(f"{contender.name} asked the application for {row.path}: that was no hit")


def answer_is_right(contender: Contender, row: Row) -> None:
    status, _, body = ask(contender, row.method, row.path, row.headers)
    if (status, body) != (row.status, row.body):
        found = f"{status} with {len(body)} bytes"
        raise Wrong(f"{contender.name}, {row.title}: {found}, not {row.status} with {len(row.body)}")
