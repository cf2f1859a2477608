"""The counts of this process: responses by status, cache outcome and duration, and the waits of readers.

The counts are in a memory-mapped file if `open` was called and a folder can be written, else in the memory of the
process alone.
"""

import logging
import os
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus

from .count_file import CountFile
from .count_folder import CountFolder
from .count_layout import BYTES, CounterName, Family, Layout
from .events import EventCounts, sources

logger = logging.getLogger("content.caching")

REQUEST_EVENT, SECONDS_EVENT = "request", "request_seconds"
# Upper bounds of durations in seconds. The last bucket has none.
BOUNDS = (
    5e-05,
    1e-04,
    2.5e-4,
    5e-4,
    1e-3,
    2.5e-3,
    5e-3,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)
BUCKETS = (*(f"{bound:.5f}".rstrip("0").rstrip(".") for bound in BOUNDS), "+Inf")
# Outcomes of the cache for a response. A miss has one of the reasons after a space.
CACHES = ("hit", "stale", "miss", "joined", "pass", "none")
REASONS = ("uri-miss", "vary-miss", "stale", "request", "other")
OUTCOMES = (*(name for name in CACHES if name != "miss"), *(f"miss {reason}" for reason in REASONS))
OTHER = "other"
STATUSES = (*(str(status.value) for status in sorted(HTTPStatus)), OTHER)
# Names of families. Plain hits have one of their own: they are counted as the lookup finds them.
PLAIN_HITS, REQUESTS, DURATIONS, SECONDS = "plain_hits", "requests", "durations", "duration_nanoseconds"
WAITS, WAITED = "waits", "wait_nanoseconds"
LAYOUT = Layout(
    (
        Family(PLAIN_HITS, (STATUSES, ("hit", "stale"))),
        Family(REQUESTS, (STATUSES, OUTCOMES)),
        Family(DURATIONS, (OUTCOMES, BUCKETS)),
        Family(SECONDS, (OUTCOMES,)),
        Family(WAITS, (BUCKETS,)),
        Family(WAITED, (("",),)),
    )
)
# One repeated plain hit in so many is timed, and stands for all since the last: to time one costs as much as to count
# three. A power of two.
HITS_PER_TIMED = 256

_BOUNDS_NS = tuple(round(bound * 1e9) for bound in BOUNDS)
_OUTCOME_PLACES = {outcome: place for place, outcome in enumerate(OUTCOMES)}
_STATUS_PLACES = dict.fromkeys(range(1000), len(STATUSES) - 1) | {
    int(status): place for place, status in enumerate(STATUSES[:-1])
}
_PLAIN_HITS = slice(0, LAYOUT.families[0].size)
_REQUESTS, _DURATIONS, _SECONDS, _WAITS, _WAITED = (
    LAYOUT.offset_of(name) for name in (REQUESTS, DURATIONS, SECONDS, WAITS, WAITED)
)


def place_of_hit(status: int) -> int:
    """The counter of fresh plain hits with that status. That of stale ones follows."""
    return 2 * _STATUS_PLACES[status]


class ProcessCounts:
    """Responses are counted by the thread of the event loop, waits under a lock.

    `counters`: to be indexed by `place_of_hit`. `is_due`: the next repeated plain hit is to be timed.
    """

    __slots__ = ("_file", "_has_warned", "_lock", "_timed", "counters", "folder", "is_due")

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.counters = memoryview(bytearray(LAYOUT.size * BYTES)).cast("Q")
        # Plain hits that the durations stand for.
        self._timed = 0
        self.is_due = False
        self._file: CountFile | None = None
        self._lock = threading.Lock()
        self._has_warned = False
        self.folder: CountFolder | None = None

    # --- counting -------------------------------------------------------------------------------------------

    def count_response(self, status: int, outcome: str) -> None:
        """Any response but a plain hit. An outcome that is not in OUTCOMES is a miss for another reason."""
        place = _STATUS_PLACES.get(status, len(STATUSES) - 1) * len(OUTCOMES) + _outcome_place(outcome)
        self.counters[_REQUESTS + place] += 1

    def time_response(self, outcome: str, nanoseconds: int, *, times: int = 1) -> None:
        """How long a response took. `times`: how many responses it stands for."""
        place, nanoseconds = _outcome_place(outcome), max(0, nanoseconds)
        self.counters[_DURATIONS + place * len(BUCKETS) + bisect_left(_BOUNDS_NS, nanoseconds)] += times
        self.counters[_SECONDS + place] += nanoseconds * times

    def time_hit(self, nanoseconds: int, *, is_repeated: bool) -> None:
        """A repeated one stands for all plain hits since the last that was timed."""
        times = max(1, sum(self.counters[_PLAIN_HITS]) - self._timed) if is_repeated else 1
        self.time_response("hit", nanoseconds, times=times)
        self._timed += times
        self.is_due = self.is_due and not is_repeated

    def count_wait(self, seconds: float) -> None:
        """A reader has waited for a page that had to be made."""
        nanoseconds = max(0, round(seconds * 1e9))
        with self._lock:
            self.counters[_WAITS + bisect_left(_BOUNDS_NS, nanoseconds)] += 1
            self.counters[_WAITED] += nanoseconds

    # --- the file -------------------------------------------------------------------------------------------

    @property
    def is_stored(self) -> bool:
        """Whether the counts outlive this process."""
        return self._file is not None

    def open(self, folder: CountFolder) -> None:
        """Go on counting in a new file there. If that fails, count in memory, and warn once.

        Call it in the thread of the event loop. No effect if a file is open.
        """
        if self._file is not None:
            return
        self.folder = folder
        try:
            folder.prepare()
            with self._lock:
                self._file = CountFile.create(folder.path, LAYOUT, self.counters)
                self.counters = self._file.counters
        except (OSError, ValueError) as error:
            if not self._has_warned:
                self._has_warned = True
                logger.warning(
                    "The folder %s cannot take the counts of this process (%s). It counts in memory: its counts are "
                    "in its own /metrics alone, and end with it. Check the disk and EVERGREEN_METRICS_DIR.",
                    folder.path,
                    error,
                )

    def counts(self) -> Counter[CounterName]:
        """The counters of this process that have counted."""
        return Counter(dict(LAYOUT.nonzero(self.counters.tolist())))

    def forget(self) -> None:
        """Called in a forked child: the file and its lock are the parent's."""
        file = self._file
        self._begin()
        if file is not None:
            file.close()


process_counts = ProcessCounts()
sources.append(lambda: as_events(process_counts.counts()))
os.register_at_fork(after_in_child=process_counts.forget)


def cache_of(outcome: str) -> str:
    """The outcome without the reason of a miss."""
    return outcome.partition(" ")[0]


def _outcome_place(outcome: str) -> int:
    return _OUTCOME_PLACES.get(outcome, _OUTCOME_PLACES[f"miss {OTHER}"])


def as_events(counts: Mapping[CounterName, int]) -> EventCounts:
    """The same as events: ("request", status, cache), and ("request_seconds", bucket, cache) with a "sum" of seconds.

    A bucket counts the responses that took at most so many seconds, and longer than the bucket before. Fresh plain
    hits are also hits of pages in memory, and misses are misses of pages.
    """
    events: EventCounts = Counter()
    for name, amount in counts.items():
        match name:
            case (family, status, outcome) if family in (PLAIN_HITS, REQUESTS):
                events[REQUEST_EVENT, status, cache_of(outcome)] += amount
                if family == PLAIN_HITS and outcome == "hit":
                    events["hit", "page", "memory"] += amount
                elif cache_of(outcome) == "miss":
                    events["miss", "page", ""] += amount
            case (family, outcome, bucket) if family == DURATIONS:
                events[SECONDS_EVENT, bucket, cache_of(outcome)] += amount
            case (family, outcome) if family == SECONDS:
                events[SECONDS_EVENT, "sum", cache_of(outcome)] += amount / 1e9  # type: ignore[assignment]
    return events
