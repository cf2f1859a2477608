"""Sessions in the database, with an optional cache in front: if it is down, hangs or is full, requests take longer.

Django's cached_db raises several errors of the cache. It also leaves an old session in a cache that did not answer
when the session was changed or ended, and reads it from there later.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends import cached_db
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.core.cache import BaseCache, caches

from content.caching.stores.failsafe import FAILURES, Breaker

logger = logging.getLogger(__name__)

# Seconds between attempts to delete what the cache must not serve any more.
DELETE_EVERY = 1.0
# Sessions that changed while the cache did not answer. Past this bound the process does not read the cache until it
# has deleted them: it forgets none.
MAX_OUTDATED = 10_000


class SessionCache:
    """Django's cache for sessions behind a circuit breaker. Its methods never raise.

    One for each process. A session whose change did not reach the cache is outdated there: it is not read from the
    cache, and a thread deletes it as soon as the cache answers.
    """

    def __init__(self, alias: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.alias = alias
        self.breaker = Breaker(clock)
        self.outdated: set[str] = set()
        self._lock = threading.Lock()
        self._deleter: threading.Thread | None = None

    @property
    def cache(self) -> BaseCache:
        return caches[self.alias]

    def get(self, key: str) -> Any:
        if not self._may_read(key):
            return None
        try:
            value = self.cache.get(key)
        except Exception as error:
            return self._record_failure(error)
        self._record_success()
        return value if type(value) is dict else None

    async def aget(self, key: str) -> Any:
        if not self._may_read(key):
            return None
        try:
            value = await self.cache.aget(key)
        except Exception as error:
            return self._record_failure(error)
        self._record_success()
        return value if type(value) is dict else None

    def set(self, key: str, value: Any, timeout: float | None) -> None:
        """Store the session, else delete the one that is stored."""
        if not self._may_write(key):
            return
        try:
            self.cache.set(key, value, timeout)
        except Exception as error:
            self._log_refusal(error)
            self._delete(key)
        else:
            self._record_success()

    async def aset(self, key: str, value: Any, timeout: float | None) -> None:
        if not self._may_write(key):
            return
        try:
            await self.cache.aset(key, value, timeout)
        except Exception as error:
            self._log_refusal(error)
            await self._adelete(key)
        else:
            self._record_success()

    def delete(self, key: str) -> None:
        if self._may_write(key):
            self._delete(key)

    async def adelete(self, key: str) -> None:
        if self._may_write(key):
            await self._adelete(key)

    # --- the breaker ---------------------------------------------------------------------------------

    def _may_ask(self) -> bool:
        return not self.breaker.is_open or self.breaker.may_probe()

    def _may_read(self, key: str) -> bool:
        return key not in self.outdated and len(self.outdated) < MAX_OUTDATED and self._may_ask()

    def _may_write(self, key: str) -> bool:
        """Otherwise the stored session is outdated from now on."""
        if key not in self.outdated and self._may_ask():
            return True
        self._remember(key)
        return False

    def _delete(self, key: str) -> None:
        try:
            self.cache.delete(key)
        except Exception as error:
            self._record_failure(error)
            self._remember(key)
        else:
            self._record_success()

    async def _adelete(self, key: str) -> None:
        try:
            await self.cache.adelete(key)
        except Exception as error:
            self._record_failure(error)
            self._remember(key)
        else:
            self._record_success()

    def _record_success(self) -> None:
        if self.breaker.is_open:
            logger.info("Sessions are read from the cache again.")
        self.breaker.record_success()

    def _record_failure(self, error: Exception) -> None:
        was_open = self.breaker.is_open
        # One timeout opens the breaker: each of three readers would wait as long.
        for _ in range(FAILURES if "timeout" in type(error).__name__.lower() and not was_open else 1):
            self.breaker.record_failure()
        if self.breaker.is_open and not was_open:
            logger.warning(
                "Cannot reach the cache of sessions (%s: %s). They are read from the database; retrying "
                "every second. Check EVERGREEN_SESSIONS_CACHE_URL or CACHE_URL.",
                type(error).__name__,
                error,
            )

    def _log_refusal(self, error: Exception) -> None:
        if not self.breaker.is_open:
            logger.warning("A session was not cached, so it is read from the database: %s", error)

    # --- outdated sessions ---------------------------------------------------------------------------

    def _remember(self, key: str) -> None:
        with self._lock:
            self.outdated.add(key)
            if self._deleter is None or not self._deleter.is_alive():
                self._deleter = threading.Thread(target=self._delete_outdated, name="session-deleter", daemon=True)
                self._deleter.start()

    def _delete_outdated(self) -> None:
        cache = caches.create_connection(self.alias)
        while True:
            time.sleep(DELETE_EVERY)
            try:
                for key in list(self.outdated):
                    cache.delete(key)
                    self.outdated.discard(key)
            except Exception as error:
                logger.debug("The cache of sessions does not answer yet: %s", error)
            with self._lock:
                if not self.outdated:
                    self._deleter = None
                    return


_session_caches: dict[str, SessionCache] = {}


def session_cache() -> SessionCache:
    alias = settings.SESSION_CACHE_ALIAS
    return _session_caches.setdefault(alias, SessionCache(alias))


class SessionStore(cached_db.SessionStore):
    """Django's cached_db on a SessionCache."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._cache: Any = session_cache()

    def exists(self, session_key: str) -> bool:
        """Asks the database, which has every session."""
        return DatabaseStore.exists(self, session_key)

    async def aexists(self, session_key: str) -> bool:
        return await DatabaseStore.aexists(self, session_key)
