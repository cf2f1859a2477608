"""Password hashing beside readers: one thread of low priority in each process, and few that wait for it."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.contrib.auth import hashers

from content.caching.errors import Overloaded

# Hashes that wait in one process; of 0.1 to 0.5 s each. Beyond, a login is answered 503.
MOST_WAITING = 8
RETRY_AFTER = 3
# Niceness of the thread: readers get the processor first.
NICENESS = 10


class HashingThread:
    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "password-hashing", initializer=_lower_priority)
        self._free = threading.BoundedSemaphore(MOST_WAITING)

    def run(self, work: Callable[[], str]) -> str:
        """Wait for the result. Raises Overloaded if too many wait: tell the client to come back."""
        if not self._free.acquire(blocking=False):
            raise Overloaded(f"{MOST_WAITING} passwords wait to be hashed; that is the most.", RETRY_AFTER)
        try:
            return self._executor.submit(work).result()
        finally:
            self._free.release()


def _lower_priority() -> None:
    """Linux gives each thread a niceness of its own. Elsewhere it would be the whole process's."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_thread: HashingThread | None = None
_lock = threading.Lock()


def hashing_thread() -> HashingThread:
    """That of this process."""
    global _thread
    with _lock:
        if _thread is None:
            _thread = HashingThread()
        return _thread


def _forget_thread() -> None:
    """A forked process has no threads but the one that forked it, and perhaps a lock that another thread held."""
    global _thread, _lock
    _thread, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_thread)


class PBKDF2PasswordHasher(hashers.PBKDF2PasswordHasher):
    """Django's, in that thread. Its hashes are Django's as well."""

    def encode(self, password: Any, salt: Any, iterations: int | None = None) -> str:
        return hashing_thread().run(lambda: super(PBKDF2PasswordHasher, self).encode(password, salt, iterations))
