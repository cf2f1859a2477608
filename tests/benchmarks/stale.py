"""`make bench ONLY=stale`: what readers of a page wait while it is stale, and its refresh takes a second.

One page that takes a second to make and is fresh for a few: then it is stale, and made again. One connection asks for
it over and over; each answer has the number of the making that it came of, and in the second before another number
comes the page was stale, and under way.
"""

import gc
import os
import socket
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from rich.table import Table

from tests.benchmarks.contender import Absent, Contender
from tests.benchmarks.cores import FOR_THE_LOAD
from tests.benchmarks.load import is_there
from tests.benchmarks.rounds import console
from tests.benchmarks.served.contenders import MAKERS, OURS
from tests.benchmarks.served.origin import SECONDS, SLOW

ROUNDS = 5
LENGTH = 10 * SECONDS
REQUEST = f"GET {SLOW} HTTP/1.1\r\nHost: site\r\n\r\n".encode()
LARGEST = 64 * 1024


@dataclass(frozen=True)
class Asked:
    """When it was asked for (seconds of a clock), how long that took, and which making answered."""

    at: float
    took: float
    number: bytes


def main() -> None:
    os.sched_setaffinity(0, {FOR_THE_LOAD})
    with ExitStack() as stack:
        contenders = []
        for name in (OURS, "nginx", "Varnish"):
            try:
                contenders.append(stack.enter_context(MAKERS[name]()))
            except Absent as reason:
                console.print(f"Without {name}: {reason}.\n")
        taken: dict[str, list[list[Asked]]] = {each.name: [] for each in contenders}
        for _ in range(ROUNDS):
            for contender in contenders:
                taken[contender.name].append(round_of(contender))
    show(taken)


def round_of(contender: Contender) -> list[Asked]:
    """From the first answer on: the one that nothing was there for is not counted."""
    asked = []
    gc.collect()
    gc.disable()
    try:
        with socket.create_connection(("127.0.0.1", contender.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one(connection)
            ends = time.perf_counter() + LENGTH
            while time.perf_counter() < ends:
                asked.append(one(connection))
    finally:
        gc.enable()
    return asked


def one(connection: socket.socket) -> Asked:
    began = time.perf_counter()
    connection.sendall(REQUEST)
    answer = connection.recv(LARGEST)
    while (ends := answer.find(b"\r\n\r\n")) < 0 or len(answer) < ends + 4 + length_of(answer[:ends]):
        answer += connection.recv(LARGEST)
    took = time.perf_counter() - began
    return Asked(began, took, value_of(b"x-number", answer[:ends]))


def length_of(head: bytes) -> int:
    return int(value_of(b"content-length", head))


def value_of(name: bytes, head: bytes) -> bytes:
    return head.lower().partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0]


def split_waits(asked: Sequence[Asked]) -> tuple[list[float], list[float]]:
    """Waits for fresh responses, and waits while the page was made again; the end of the last making is unknown."""
    began: dict[bytes, float] = {}
    for each in asked:
        began.setdefault(each.number, each.at)
    *numbers, last = began
    ends = dict(zip(numbers, list(began.values())[1:], strict=True))
    fresh: list[float] = []
    stale: list[float] = []
    for each in asked:
        if each.number != last:
            (stale if each.at > ends[each.number] - SECONDS else fresh).append(each.took)
    return fresh, stale


def show(taken: dict[str, list[list[Asked]]]) -> None:
    table = Table(title=f"Waited for a page of 8 KB, one connection, {ROUNDS} rounds of {LENGTH:g} s", box=None)
    for name in (
        "",
        "page is",
        "answers",
        "median ms",
        "p99",
        "p99.9",
        "longest",
        "longest to median",
        "above 3 medians",
    ):
        table.add_column(name, justify="right" if name else "left")
    for name, rounds in taken.items():
        for word, waited in zip(("fresh", "stale"), zip(*map(split_waits, rounds), strict=True), strict=True):
            add(table, name, word, sorted(took for each in waited for took in each))
    console.print(table)


def add(table: Table, name: str, word: str, waited: list[float]) -> None:
    median = statistics.median(waited)
    at = [waited[min(int(len(waited) * share), len(waited) - 1)] * 1e3 for share in (0.99, 0.999)]
    above = sum(took > 3 * median for took in waited)
    table.add_row(
        name,
        word,
        f"{len(waited):,}",
        f"{median * 1e3:.3f}",
        *(f"{each:.3f}" for each in at),
        f"{waited[-1] * 1e3:.3f}",
        f"{waited[-1] / median:.1f}",
        f"{above} ({above / len(waited):.3%})",
    )


if __name__ == "__main__" and is_there():
    main()
