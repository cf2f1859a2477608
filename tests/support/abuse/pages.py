"""Pages whose every line says which page it is, and in which version."""

import re

COUNT, SMALLEST, LARGEST = 24, 1_000, 100_000
# A part of so many bytes has a whole line in it, whatever the version.
TELLING = 64
LINE = re.compile(rb"(?<=\n)/page/(\d+) (\d+)\n")


def size_of(number: int) -> int:
    """In bytes, the same for all its versions: from the smallest to the largest, each larger by the same factor."""
    return round(SMALLEST * float(LARGEST / SMALLEST) ** (number / (COUNT - 1)))


def body_of(number: int, version: int) -> bytes:
    size, line = size_of(number), f"/page/{number} {version}\n".encode()
    return (line * (size // len(line) + 1))[:size]


def version_in(part: bytes, number: int, begin: int = 0) -> int | None:
    """The version of a part that begins so many bytes into the page; None if it is of another page."""
    line = LINE.search(b"\n" + part if begin == 0 else part)
    if line is None or int(line[1]) != number:
        return None
    version = int(line[2])
    return version if body_of(number, version)[begin : begin + len(part)] == part else None
