"""The engine of each cache alias."""

import os
import threading
from typing import Any

from django.conf import settings
from django.core.cache import BaseCache, caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.signals import setting_changed

from content.caching.answer import Answer
from content.caching.backends import RedisCache
from content.caching.backends.server import Server, location_and_options, server_of
from content.caching.counters import CounterOrdering
from content.caching.due import DueSet
from content.caching.engine import Engine
from content.caching.events import record
from content.caching.failsafe import Failsafe
from content.caching.log.log import log_of
from content.caching.memory import MemoryTier
from content.caching.ordering import LogOrdering
from content.caching.reporting import reporting
from content.caching.shared import CacheTier, LocMemTier, RedisTier

MEMORY = 64 * 1024 * 1024

engines: dict[str, Engine] = {}
lock = threading.Lock()


def engine_of(alias: str) -> Engine:
    engine = engines.get(alias)
    if engine is None:
        with lock:
            engine = engines.get(alias)
            if engine is None:
                engine = engines[alias] = made(alias)
    return engine


def made(alias: str) -> Engine:
    """From CACHES[alias]: with a log where there is a Redis for one, else with counters in the cache itself."""
    cache = caches[alias]
    tier = tier_of(cache)(alias)
    shared = Failsafe(tier, alias)
    server = log_server(alias)
    if server is None:
        return Engine(shared, CounterOrdering(tier, shared), None)
    options = options_of(alias)
    prefix = cache.key_prefix or "cache"
    log = log_of(server, prefix)
    memory: MemoryTier[Answer] = MemoryTier(int(options.get("MEMORY", MEMORY)), evicted)
    reporting.begin(server, prefix, lambda: (memory.bytes, len(memory), log.ledger.is_heard))
    # A worker that loaded again what it alone then has would leave the reader with what is stale.
    due = None if isinstance(cache, LocMemCache) else DueSet(server, prefix)
    return Engine(shared, LogOrdering(log), memory, due=due)


def tier_of(cache: BaseCache) -> type[CacheTier]:
    if isinstance(cache, RedisCache):
        return RedisTier
    # Not what is derived from it, whose asynchronous methods may do something of their own.
    return LocMemTier if type(cache) is LocMemCache else CacheTier


def evicted(key: str) -> None:
    record("evict", key.partition("@")[0], key, tier="memory", reason="no room")


def log_server(alias: str) -> Server | None:
    """OPTIONS["LOG"]: the URL of the Redis that keeps the log, "" for none; else the one that keeps the entries."""
    options = options_of(alias)
    url = options.get("LOG")
    if url:
        location, more = location_and_options(url)
        common = {name: options[name] for name in ("SOCKET_TIMEOUT", "SOCKET_CONNECT_TIMEOUT") if name in options}
        return server_of(location, common | more)
    cache = caches[alias]
    return cache.servers[0] if url is None and isinstance(cache, RedisCache) else None


def options_of(alias: str) -> dict[str, Any]:
    config: dict[str, Any] = dict(settings.CACHES)[alias]
    return config.get("OPTIONS") or {}


def forget_engines(**kwargs: Any) -> None:
    """Settings have changed, or this is a forked child: what was made before does not fit."""
    if kwargs.get("setting", "CACHES") == "CACHES":
        engines.clear()
        reporting.end()


setting_changed.connect(forget_engines, dispatch_uid="content.caching.engines")
os.register_at_fork(after_in_child=engines.clear)
