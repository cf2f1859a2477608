"""What this process has served: responses by status, cache outcome and duration, and the waits of readers.

The counts are in a memory-mapped file if `open` was called and a folder can be written, else in the memory of the
process alone. To count a plain hit takes 0.3 microseconds.
"""

import logging
import os
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from time import perf_counter_ns

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
# What the cache did for a response. A miss has one of the reasons after a space.
CACHES = ("hit", "stale", "miss", "joined", "pass", "none")
REASONS = ("uri-miss", "vary-miss", "stale", "request", "other")
OUTCOMES = (*(name for name in CACHES if name != "miss"), *(f"miss {reason}" for reason in REASONS))
OTHER = "other"
STATUSES = (*(str(status.value) for status in sorted(HTTPStatus)), OTHER)
# Names of families, and of the events that they are reported as.
REQUESTS, SECONDS, WAITS, WAITED = "requests", "request_nanoseconds", "waits", "wait_nanoseconds"
LAYOUT = Layout(
    (
        Family(REQUESTS, (STATUSES, OUTCOMES, BUCKETS)),
        Family(SECONDS, (OUTCOMES,)),
        Family(WAITS, (BUCKETS,)),
        Family(WAITED, (("",),)),
    )
)

_BOUNDS_NS = tuple(round(bound * 1e9) for bound in BOUNDS)
_SHORTEST_NS = _BOUNDS_NS[0]
_OUTCOME_PLACES = {outcome: place for place, outcome in enumerate(OUTCOMES)}
_STATUS_STRIDE, _OUTCOME_STRIDE, _ = LAYOUT.families[0].strides()
_STATUS_PLACES = {
    **{code: (len(STATUSES) - 1) * _STATUS_STRIDE for code in range(1000)},
    **{int(status): place * _STATUS_STRIDE for place, status in enumerate(STATUSES[:-1])},
}
_SECONDS, _WAITS, _WAITED = (LAYOUT.offset_of(name) for name in (SECONDS, WAITS, WAITED))
_HIT, _STALE = _OUTCOME_PLACES["hit"], _OUTCOME_PLACES["stale"]
_HIT_OFFSET, _STALE_OFFSET = _HIT * _OUTCOME_STRIDE, _STALE * _OUTCOME_STRIDE
_HIT_SECONDS, _STALE_SECONDS = _SECONDS + _HIT, _SECONDS + _STALE


class ProcessCounts:
    """Responses are counted by the thread of the event loop, waits under a lock."""

    __slots__ = ("_counters", "_file", "_has_warned", "_lock", "folder")

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._counters = memoryview(bytearray(LAYOUT.size * BYTES)).cast("Q")
        self._file: CountFile | None = None
        self._lock = threading.Lock()
        self._has_warned = False
        self.folder: CountFolder | None = None

    # --- counting -------------------------------------------------------------------------------------------

    def count_hit(self, status: int, *, is_stale: bool, began: int) -> None:
        """A plain hit. `began`: `perf_counter_ns` when its request arrived."""
        taken = perf_counter_ns() - began
        counters = self._counters
        place = _STATUS_PLACES[status] + (_STALE_OFFSET if is_stale else _HIT_OFFSET)
        counters[place if taken <= _SHORTEST_NS else place + bisect_left(_BOUNDS_NS, taken)] += 1
        counters[_STALE_SECONDS if is_stale else _HIT_SECONDS] += taken

    def count_response(self, status: int, outcome: str, nanoseconds: int) -> None:
        """Any response. An outcome that is not in OUTCOMES counts as a miss for another reason."""
        outcome_place = _OUTCOME_PLACES.get(outcome, _OUTCOME_PLACES[f"miss {OTHER}"])
        place = _STATUS_PLACES.get(status, _STATUS_PLACES[0]) + outcome_place * _OUTCOME_STRIDE
        self._counters[place + bisect_left(_BOUNDS_NS, nanoseconds)] += 1
        self._counters[_SECONDS + outcome_place] += max(0, nanoseconds)

    def count_wait(self, seconds: float) -> None:
        """A reader has waited for a page that had to be made."""
        nanoseconds = max(0, round(seconds * 1e9))
        with self._lock:
            self._counters[_WAITS + bisect_left(_BOUNDS_NS, nanoseconds)] += 1
            self._counters[_WAITED] += nanoseconds

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
                self._file = CountFile.create(folder.path, LAYOUT, self._counters)
                self._counters = self._file.counters
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
        """What this process has counted."""
        return Counter(dict(LAYOUT.nonzero(self._counters.tolist())))

    def forget(self) -> None:
        """In a forked child: the file and its lock are the parent's."""
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


def as_events(counts: Mapping[CounterName, int]) -> EventCounts:
    """The same as events: ("request", status, cache), and ("request_seconds", bucket, cache) with a "sum" of seconds.

    A bucket counts the responses that took at most so many seconds, and longer than the bucket before.
    """
    events: EventCounts = Counter()
    for name, amount in counts.items():
        match name:
            case (family, status, outcome, bucket) if family == REQUESTS:
                events[REQUEST_EVENT, status, cache_of(outcome)] += amount
                events[SECONDS_EVENT, bucket, cache_of(outcome)] += amount
            case (family, outcome) if family == SECONDS:
                events[SECONDS_EVENT, "sum", cache_of(outcome)] += amount / 1e9  # type: ignore[assignment]
    return events
