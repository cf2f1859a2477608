"""The coverage of this process: which of the hottest entries its memory has fresh.

The control loop publishes the keys of the hot set. Each process that serves readers looks them up in its memory, on
the thread that reports statistics, so no reader waits for it and no counter of the memory tier changes.
"""

import logging
import time
from collections.abc import Callable, Iterator

import msgspec
from django.core.cache import caches
from redis.exceptions import RedisError

from content.caching.engine import Engine
from content.caching.engines import engine_of
from content.caching.entry import CachedValue, Verdict
from content.caching.errors import Unreadable
from content.caching.metrics.process import Process
from content.caching.metrics.reports import reporting
from content.caching.release import release_digest
from content.caching.serializer import decode
from content.warming.coverage import Coverage, count_hottest
from content.warming.hot_set import MOST
from content.warming.kinds import Kind, is_known

logger = logging.getLogger(__name__)

ALIAS = "default"
# Seconds between two readings of the hot set, and after which one that the loop published is dropped.
READ_EVERY, EXPIRES = 30.0, 120
# Entries that are looked at before other threads run, and seconds of such a rest.
AT_ONCE, REST = 200, 0.0001


class HotKey(msgspec.Struct, frozen=True, array_like=True):
    """An entry of the hot set."""

    key: str
    resource: str
    page: str

    @property
    def kind(self) -> Kind:
        return Kind(self.resource, self.page)


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(list[HotKey])


def _key() -> str:
    return f"warming:hot:{release_digest()}"


async def publish_hot_keys(keys: list[HotKey]) -> None:
    """Publish the hottest keys for the processes of this release, in order. Raises the cache's errors."""
    await caches[ALIAS].aset(_key(), _encode(keys).decode(), timeout=EXPIRES)


def read_hot_keys() -> list[HotKey] | None:
    """None if no loop has published any. Raises the cache's errors."""
    stored = caches[ALIAS].get(_key())
    try:
        keys = decode(_decoder.decode, stored) if isinstance(stored, str) else None
    except Unreadable:
        return None
    return None if keys is None else [each for each in keys[:MOST] if is_known(each.kind)]


class ProcessCoverage:
    """`measure` is for the thread that reports statistics: it raises nothing."""

    def __init__(self, engine: Callable[[], Engine] = lambda: engine_of(ALIAS)) -> None:
        self.engine = engine
        self.keys: list[HotKey] | None = None
        self.read_at = float("-inf")

    def measure(self) -> Coverage | None:
        """None while nobody has published the hot set."""
        if self.keys is None or time.monotonic() - self.read_at >= READ_EVERY:
            try:
                self.keys, self.read_at = read_hot_keys(), time.monotonic()
            except (RedisError, OSError) as error:
                logger.debug("the hot set cannot be read: %s", error)
        return Coverage.of(count_hottest(self._look_up(self.keys))) if self.keys is not None else None

    def _look_up(self, keys: list[HotKey]) -> Iterator[tuple[Kind, bool]]:
        engine = self.engine()
        for number, each in enumerate(keys, 1):
            node = engine.memory.nodes.get(each.key) if engine.memory is not None else None
            yield each.kind, node is not None and is_fresh_in_memory(engine, node.value)
            if number % AT_ONCE == 0:
                time.sleep(REST)


def is_fresh_in_memory(engine: Engine, value: CachedValue) -> bool:
    """Whether a reader who came now would be given it as fresh. Changes nothing."""
    ordering = engine.ordering
    verdict = value.verdict if value.version == ordering.version else ordering.judge_now(value.header)
    return verdict is Verdict.VALID and engine.clock() < value.header.fresh_until and ordering.is_heard


def report_coverage() -> None:
    """Let the report of this process have its coverage. For processes that serve readers."""
    coverage = ProcessCoverage()
    reporting.measure_coverage = lambda: msgspec.to_builtins(coverage.measure())


def coverage_of(process: Process) -> Coverage | None:
    """The coverage that a process reported. None if it serves no readers, or its report is unreadable."""
    try:
        reported = msgspec.convert(process.coverage, Coverage | None)
    except msgspec.ValidationError:
        return None
    return reported.readable() if reported is not None else None
