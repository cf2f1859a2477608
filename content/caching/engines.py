"""The engine of each cache alias."""

import os
import threading
from typing import Any

from django.conf import settings
from django.core.cache import BaseCache, caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.signals import setting_changed

from .backends import RedisCache
from .backends.server import Server, location_and_options, server_of
from .declarations import resources
from .engine import Engine
from .entry import CachedValue
from .heat import MOST_KEPT, Heat
from .heat_collector import HeatCollector
from .metrics.events import emit
from .metrics.reports import Description, ignore_reads, reporting
from .ordering.counters import CounterOrdering
from .ordering.log import log_of
from .ordering.ordering import LocalOrdering, LogOrdering
from .read_counts import reads
from .refresh_queue import PAGES, RefreshQueue
from .release import release_digest
from .release_registry import ReleaseRegistry, announce_release, registries
from .stores.failsafe import Failsafe
from .stores.memory import MemoryTier
from .stores.shared import CacheTier, InlineTier, NullTier, RedisTier

MEMORY = 64 * 1024 * 1024

engines: dict[str, Engine] = {}
lock = threading.Lock()


def engine_of(alias: str) -> Engine:
    engine = engines.get(alias)
    if engine is None:
        with lock:
            engine = engines.get(alias)
            if engine is None:
                engine = engines[alias] = create_engine(alias)
    return engine


def create_engine(alias: str) -> Engine:
    """Make the engine of CACHES[alias]: with a log if it has a Redis, else with counters in the cache itself."""
    _compute_schemas()
    cache = caches[alias]
    tier = _tier_class(cache)(alias)
    shared = Failsafe(tier, alias)
    server = log_server(alias)
    if server is None:
        return Engine(shared, CounterOrdering(tier, shared), None)
    options = _options(alias)
    prefix = cache.key_prefix or "cache"
    log = log_of(server, prefix)
    memory: MemoryTier[CachedValue] = MemoryTier(int(options.get("MEMORY", MEMORY)), _emit_eviction, reads.take)
    registries[prefix] = ReleaseRegistry(server, prefix)
    heat = Heat(server, prefix, int(most)) if (most := options.get("HEAT", MOST_KEPT)) else None
    collect = HeatCollector(heat, _memories).flush if heat is not None else ignore_reads
    reporting.begin(
        server,
        prefix,
        lambda: describe_process(memory.bytes, len(memory), log.tag_index.is_heard, log.reader.propagation.longest()),
        announce_release,
        collect,
    )
    # A worker that loaded again what it alone then has would leave the reader with what is stale.
    refresh_queue = None if isinstance(cache, LocMemCache) else RefreshQueue(server, prefix, release_digest())
    page_queue = refresh_queue and RefreshQueue(server, prefix, release_digest(), PAGES)
    return Engine(shared, LogOrdering(log), memory, refresh_queue=refresh_queue, page_queue=page_queue, heat=heat)


def describe_process(size: int, entries: int, is_heard: bool, propagation: float | None) -> Description:
    """`size`: bytes of its memory. `propagation`: seconds."""
    open_breakers = sum(breakers_of_process().values())
    return Description(size, entries, is_heard, not reads.is_excluded, propagation, open_breakers)


def breakers_of_process() -> dict[str, bool]:
    """Whether the breaker of each cache in use is open in this process, by alias."""
    return {
        alias: engine.shared.breaker.is_open
        for alias, engine in sorted(engines.items())
        if isinstance(engine.shared, Failsafe)
    }


def _compute_schemas() -> tuple[str, ...]:
    """Called at the start of a process: a deploy may replace the source text that schemas are computed from."""
    return tuple(resource.schema for resource in list(resources.values()))


def _tier_class(cache: BaseCache) -> type[CacheTier]:
    if isinstance(cache, RedisCache):
        return RedisTier
    # A subclass may have asynchronous methods that do something of their own.
    return InlineTier if type(cache) is LocMemCache else CacheTier


def _emit_eviction(key: str) -> None:
    emit("evict", key.partition("@")[0], key, tier="memory", reason="no room")


def _memories() -> list[MemoryTier[CachedValue]]:
    return [engine.memory for engine in list(engines.values()) if engine.memory is not None]


def log_server(alias: str) -> Server | None:
    """OPTIONS["LOG"]: the URL of the Redis that keeps the log, "" for none; else the one that keeps the entries."""
    options = _options(alias)
    url = options.get("LOG")
    if url:
        location, more = location_and_options(url)
        common = {name: options[name] for name in ("SOCKET_TIMEOUT", "SOCKET_CONNECT_TIMEOUT") if name in options}
        return server_of(location, common | more)
    cache = caches[alias]
    return cache.servers[0] if url is None and isinstance(cache, RedisCache) else None


def _options(alias: str) -> dict[str, Any]:
    config: dict[str, Any] = dict(settings.CACHES)[alias]
    return config.get("OPTIONS") or {}


def forget_engines(**kwargs: Any) -> None:
    """Settings have changed, or this is a forked child: what was made before does not fit."""
    if kwargs.get("setting", "CACHES") == "CACHES":
        # First, for it collects from the engines.
        reporting.end()
        engines.clear()
        registries.clear()


setting_changed.connect(forget_engines, dispatch_uid="content.caching.engines")


def _begin_anew_in_child() -> None:
    """Another thread of the parent may have held the lock."""
    global lock
    lock = threading.Lock()
    engines.clear()


os.register_at_fork(after_in_child=_begin_anew_in_child)


def local_engine(memory: int) -> Engine:
    """`memory`: bytes at most."""
    return Engine(NullTier(), LocalOrdering(), MemoryTier(memory))
