"""The counts of all processes of a host: files of the living, and a total of those that have ended.

A reader adds the file of a dead process to the total, so no parent has to. Each step may be the last of its process:

1. It holds the folder's lock. Others that read wait.
2. It writes a new total, which names the files that are in it, and renames it into place.
3. It deletes these files. If it dies before, the next reader finds their names in the total, and counts them once.

Living processes are read after the total under the same lock, so no counter ever shrinks.
"""

import contextlib
import fcntl
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..errors import Unreadable
from .count_file import LARGEST_COUNT, LARGEST_FILE, SUFFIX, StoredCounts, open_file, read_counts
from .count_layout import CounterName

logger = logging.getLogger("content.caching")

# Seconds that a reader waits for others that read.
LONGEST_WAIT = 0.5
_PAUSE = 0.005
_LOCK, _TOTAL, _DRAFT, _SET_ASIDE = "lock", "total", "total.draft", "last.unreadable"


class Total(msgspec.Struct):
    """The counts of processes that have ended. `files`: names of files in it that may still be there.

    `unreadable`: files that were set aside so far.
    """

    files: set[str] = msgspec.field(default_factory=set)
    unreadable: int = 0
    counts: list[tuple[CounterName, int]] = msgspec.field(default_factory=list)


@dataclass(frozen=True)
class HostCounts:
    """The counts of all processes of this host. `oldest`: when the oldest living one began, in Unix seconds."""

    counts: Counter[CounterName]
    processes: int = 0
    oldest: float | None = None
    unreadable: int = 0


class CountFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self) -> None:
        """Create the folder, for this user alone. Raises OSError."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self) -> HostCounts:
        """Sum up all processes, and add the dead ones to the total. Raises OSError, also if others hold the lock."""
        with self._lock():
            total = self._read_total()
            folded, before = set(total.files), total.unreadable
            counts: Counter[CounterName] = Counter(dict(total.counts))
            dead: Counter[CounterName] = Counter()
            starts: list[float] = []
            for path in self._paths():
                if path.name in folded:
                    continue
                stored = self._read_file(path, total)
                if stored is None:
                    continue
                counts.update(stored.counts)
                if path.name in total.files:
                    dead.update(stored.counts)
                else:
                    starts.append(stored.started_at)
            if dead or total.files != folded or total.unreadable != before:
                total.counts = list((Counter(dict(total.counts)) + dead).items())
                self._write_total(total)
            self._delete_files(total.files)
            return HostCounts(counts, len(starts), min(starts, default=None), total.unreadable)

    def _paths(self) -> list[Path]:
        return sorted(self.path.glob(f"*{SUFFIX}"))

    def _read_file(self, path: Path, total: Total) -> StoredCounts | None:
        """The counts of a file. That of a dead process is noted in `total`. One that cannot be read is set aside."""
        try:
            descriptor, is_alive = open_file(path)
        except OSError as error:
            logger.debug("A file of counts cannot be opened: %s", error)
            return None
        try:
            stored = read_counts(descriptor)
        except Unreadable as error:
            if not is_alive:
                self._set_aside(path, total, error)
            return None
        finally:
            os.close(descriptor)
        if not is_alive:
            total.files.add(path.name)
        return stored

    # --- the total ------------------------------------------------------------------------------------------

    def _read_total(self) -> Total:
        path = self.path / _TOTAL
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                content = file.read(LARGEST_FILE + 1)
        except FileNotFoundError:
            return Total()
        try:
            total = _decoder.decode(content)
            if any(not 0 <= count <= LARGEST_COUNT for _, count in total.counts):
                raise ValueError("an impossible count")
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            total = Total()
            self._set_aside(path, total, error)
        return total

    def _write_total(self, total: Total) -> None:
        """Files that are gone need no name in it any more."""
        names = {path.name for path in self._paths()}
        content = msgspec.json.encode(Total(total.files & names, total.unreadable, total.counts))
        draft = self.path / _DRAFT
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self.path / _TOTAL)

    def _set_aside(self, path: Path, total: Total, error: Exception) -> None:
        """Keep the last one, so that its cause can be found."""
        total.unreadable += 1
        logger.warning(
            "%s cannot be read (%s); it was renamed to %s. Its counts are missing from /metrics. Check the disk, and "
            "who else writes to this folder.",
            path,
            error,
            _SET_ASIDE,
        )
        path.rename(self.path / _SET_ASIDE)

    def _delete_files(self, names: set[str]) -> None:
        for name in names:
            with contextlib.suppress(OSError):
                (self.path / name).unlink()

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Raises TimeoutError, which is an OSError, after LONGEST_WAIT."""
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            end = time.monotonic() + LONGEST_WAIT
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > end:
                        raise TimeoutError(f"Another process reads {self.path} for too long.") from None
                    time.sleep(_PAUSE)
            yield
        finally:
            os.close(descriptor)


_decoder = msgspec.json.Decoder(Total)
