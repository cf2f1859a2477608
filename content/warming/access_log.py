"""Reads of pages from an access log of nginx or Apache, in the common or the combined format.

A new cache knows nothing of its readers; the log of the server in front does. Lines are text that readers wrote: they
are bounded, and what is no read of a page is counted by its reason.
"""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote

from content.caching.edge.normalization import normalize_query
from content.caching.edge.profile import Profile

# Bytes of a line. nginx accepts request lines of 8 kB, and logs a referrer and a user agent besides.
LONGEST_LINE = 32_768
# Characters of an address, as in content.caching.read_counts.
LONGEST_ADDRESS = 400
# Addresses that are counted; further ones are left out.
MOST_ADDRESSES = 200_000
# Host, user and time, then the request and the status. Fields after it are not looked at.
LINE = re.compile(rb'\S{1,300} [^\["]{1,300}\[[^\]"]{1,60}\] "((?:[^"\\]|\\.)*)" ([0-9]{3}) ')
TARGET = re.compile(r"/[!-\[\]-~]*")

TOO_LONG = "longer than a line of a log"
NO_LOG_LINE = "no line of the common or combined format"
OTHER_METHOD = "another method than GET or HEAD"
OTHER_STATUS = "another status than 2xx or 304"
NO_ADDRESS = "no address"
NOT_CACHED = "no page that the cache stores"
TOO_MANY = f"more than {MOST_ADDRESSES:,} addresses"

# The target of a request -> the address under which the edge stores its page; None for other targets.
AddressOf = Callable[[str], str | None]


class Skipped(Exception):
    """A line that is no read of a page. Its text is the reason."""


@dataclass
class AccessLog:
    """Reads by address (path and query), and the number of lines that were skipped, by reason."""

    lines: int = 0
    reads: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, line: bytes, address_of: AddressOf) -> None:
        self.lines += 1
        try:
            address = address_of(parse_line(line))
            if address is None:
                raise Skipped(NOT_CACHED)
            if address not in self.reads and len(self.reads) >= MOST_ADDRESSES:
                raise Skipped(TOO_MANY)
        except Skipped as skipped:
            self.skipped[str(skipped)] += 1
        else:
            self.reads[address] += 1

    @property
    def hottest(self) -> list[str]:
        """The addresses, the most read first."""
        return [address for address, _ in self.reads.most_common()]

    def __str__(self) -> str:
        reasons = "; ".join(f"{count:,} {reason}" for reason, count in self.skipped.most_common())
        return (
            f"{self.lines:,} lines read: {self.reads.total():,} reads of {len(self.reads):,} addresses, "
            f"{self.skipped.total():,} lines skipped{f' ({reasons})' if reasons else ''}."
        )


def read_access_log(path: Path, address_of: AddressOf) -> AccessLog:
    """Read a file, unpacked if its name ends in .gz. Raises OSError for one that cannot be read to its end."""
    log = AccessLog()
    try:
        with open_log(path) as file:
            for line in split_lines(file):
                log.add(line, address_of)
    except (EOFError, zlib.error) as error:
        raise OSError(0, f"the file is damaged after line {log.lines}: {error}") from error
    return log


def open_log(path: Path) -> AbstractContextManager[BinaryIO]:
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def split_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines without their ends. One that is too long is cut after LONGEST_LINE + 1 bytes."""
    while line := file.readline(LONGEST_LINE + 1):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE)
        yield line.rstrip(b"\r\n")


def parse_line(line: bytes) -> str:
    """The target of the request. Raises Skipped for a line that is no successful read."""
    if len(line) > LONGEST_LINE:
        raise Skipped(TOO_LONG)
    found = LINE.match(line + b" ")
    if found is None:
        raise Skipped(NO_LOG_LINE)
    method, _, rest = found[1].decode("latin-1").partition(" ")
    target, _, version = rest.rpartition(" ")
    if method not in ("GET", "HEAD"):
        raise Skipped(OTHER_METHOD)
    status = int(found[2])
    if not 200 <= status < 300 and status != 304:
        raise Skipped(OTHER_STATUS)
    if not version.startswith("HTTP/") or len(target) > LONGEST_ADDRESS or not TARGET.fullmatch(target):
        raise Skipped(NO_ADDRESS)
    return target


def address_at(profile: Profile) -> AddressOf:
    """A function for the edge with that profile.

    It returns the query as in keys, and None for pages that readers do not share.
    """

    def address_of(target: str) -> str | None:
        path, _, query = target.partition("?")
        decoded = unquote(path)
        parameters = profile.parameters_of(decoded)
        if parameters is None or profile.bypasses(decoded):
            return None
        normalized = normalize_query(query.encode("ascii"), profile, parameters).decode("ascii") if query else ""
        return f"{path}?{normalized}" if normalized else path

    return address_of
