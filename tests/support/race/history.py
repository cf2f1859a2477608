"""The operations of a process, a line each, with begin and end by a clock that all processes share."""

import time
from pathlib import Path
from typing import Any

import msgspec

Position = tuple[int, int]
# Stands for the process of a writer that does not race: "elsewhere" is the kind of its writes.
OTHER_PROGRAM = 0
# How a page was read that shows its rows in passing, and the kind of a write that ends such pages too.
IN_PASSING, WITHDRAW = "in passing", "withdraw"


class Read(msgspec.Struct, frozen=True, tag="read"):
    """`tail`: how far the process had read the log when it began; `made_at`: when the value was loaded."""

    process: int
    began: float
    ended: float
    row: int
    value: int
    made_at: float
    stale: bool
    tail: Position
    by: str = "get"


class Write(msgspec.Struct, frozen=True, tag="write"):
    """A value that was committed, and then announced; `position` is its record's, if the log has taken it."""

    process: int
    began: float
    ended: float
    row: int
    value: int
    kind: str
    position: Position | None


class Inside(msgspec.Struct, frozen=True, tag="inside"):
    """A value that a transaction wrote, and the one that it read then, before it was rolled back."""

    process: int
    began: float
    ended: float
    row: int
    wrote: int
    saw: int


class Load(msgspec.Struct, frozen=True, tag="load"):
    process: int
    began: float
    ended: float
    row: int


class Run(msgspec.Struct, frozen=True, tag="run"):
    """A run of an application that makes a page of some kind from a row."""

    process: int
    began: float
    ended: float
    row: int
    kind: str


class Failure(msgspec.Struct, frozen=True, tag="failure"):
    process: int
    began: float
    ended: float
    what: str
    error: str


Operation = Read | Write | Inside | Load | Run | Failure

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Operation).decode
now = time.monotonic


class Journal:
    def __init__(self, path: Path) -> None:
        self.lines = path.open("wb", buffering=1 << 16)

    def note(self, operation: Operation) -> None:
        self.lines.write(encode(operation) + b"\n")

    def close(self) -> None:
        self.lines.close()


def read_history(paths: list[Path]) -> list[Any]:
    """The last line of a process that was killed may be cut short."""
    history = []
    for path in paths:
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                history.append(decode(line))
    return history
