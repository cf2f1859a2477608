"""The counters of one process in a memory-mapped file, which outlives the process.

The process holds a lock on its file for life. The kernel releases it at any death, kill -9 included. A reader that
gets the lock knows that the counts are final. A file is a magic number, the length of its description, the
description as JSON, padding, and the counters in the byte order of the machine.
"""

import errno
import fcntl
import mmap
import os
import secrets
import time
from pathlib import Path
from typing import Self

import msgspec

from ..errors import Unreadable
from .count_layout import BYTES, CounterName, Layout

SUFFIX = ".counts"
_DRAFT = ".draft"
_MAGIC = b"EVCOUNT1"
# Bytes of the magic number and of the description's length, and of all that comes before the counters.
_PREFIX, _LARGEST_HEADER = 12, 256 * 1024
# Bytes of the largest file that is read.
LARGEST_FILE = 2 * 1024 * 1024
# No counter gets that far: a billion a second for 146 years.
LARGEST_COUNT = 1 << 62


class Description(msgspec.Struct, frozen=True):
    """`started_at`: Unix seconds at which the process began to count."""

    pid: int
    started_at: float
    layout: Layout


class StoredCounts(msgspec.Struct, frozen=True):
    """The counts of a file as they were read. Counters at 0 are left out."""

    started_at: float
    counts: dict[CounterName, int]


class CountFile:
    """The open file of this process. `counters`: a view of the file, to be indexed and added to."""

    def __init__(self, path: Path, descriptor: int, mapped: mmap.mmap, begin: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._mapped = mapped
        self.counters = memoryview(mapped)[begin:].cast("Q")

    @classmethod
    def create(cls, folder: Path, layout: Layout, counters: memoryview) -> Self:
        """A new file with these counters, locked before others can see it under its name. Raises OSError.

        All of it is written: the kernel kills a process (SIGBUS) that writes to a hole of a file on a full disk.
        """
        header = _encode_header(Description(os.getpid(), time.time(), layout))
        path = folder / f"{os.getpid()}-{secrets.token_hex(8)}{SUFFIX}"
        draft = path.with_suffix(_DRAFT)
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            content = header + counters.tobytes()
            if os.pwrite(descriptor, content, 0) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            file = cls(path, descriptor, mmap.mmap(descriptor, len(content)), len(header))
            draft.rename(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            os.close(descriptor)
            raise
        return file

    def close(self) -> None:
        """Release the lock, unless a parent or a child holds it too."""
        self.counters.release()
        self._mapped.close()
        os.close(self._descriptor)


def open_file(path: Path) -> tuple[int, bool]:
    """Open a file, and say whether its process lives. A dead one's is locked now. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return descriptor, True
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, False


def read_counts(descriptor: int) -> StoredCounts:
    """Raises Unreadable for anything else than a file of counts, and OSError."""
    content = os.pread(descriptor, LARGEST_FILE + 1, 0)
    description, begin = _decode_header(content)
    layout = description.layout
    if not layout.is_valid() or len(content) != begin + layout.size * BYTES:
        raise Unreadable("a file of counts of another size")
    counts = dict(layout.nonzero(memoryview(content)[begin:].cast("Q").tolist()))
    if any(count > LARGEST_COUNT for count in counts.values()):
        raise Unreadable("a file of counts with an impossible count")
    return StoredCounts(description.started_at, counts)


def _encode_header(description: Description) -> bytes:
    """Padded, so that the counters are aligned."""
    content = msgspec.json.encode(description)
    header = _MAGIC + len(content).to_bytes(_PREFIX - len(_MAGIC), "little") + content
    return header.ljust(-(-len(header) // BYTES) * BYTES, b" ")


def _decode_header(content: bytes) -> tuple[Description, int]:
    """The description, and where the counters begin."""
    length = int.from_bytes(content[len(_MAGIC) : _PREFIX], "little")
    if content[: len(_MAGIC)] != _MAGIC or length > _LARGEST_HEADER:
        raise Unreadable("no file of counts")
    try:
        description = _decoder.decode(content[_PREFIX : _PREFIX + length])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Unreadable("the description of a file of counts") from error
    return description, -(-(_PREFIX + length) // BYTES) * BYTES


_decoder = msgspec.json.Decoder(Description)
