"""Password hashing that does not slow readers: one thread of low priority in each process, with a bounded queue."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.contrib.auth import hashers

from content.caching.errors import Overloaded

# Hashes that wait in one process. Each takes 0.1 to 0.5 s. Beyond that, a login gets 503.
MAX_WAITING = 8
RETRY_AFTER = 3
# Niceness of the thread: readers get the processor first.
NICENESS = 10


class HashingThread:
    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "password-hashing", initializer=_lower_priority)
        self._free = threading.BoundedSemaphore(MAX_WAITING)

    def run(self, work: Callable[[], str]) -> str:
        """Wait for the result. Raises Overloaded if too many wait."""
        if not self._free.acquire(blocking=False):
            raise Overloaded(f"{MAX_WAITING} passwords wait to be hashed already.", RETRY_AFTER)
        try:
            return self._executor.submit(work).result()
        finally:
            self._free.release()


def _lower_priority() -> None:
    """Only Linux has a niceness for each thread. Elsewhere it would be that of the process."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_thread: HashingThread | None = None
_lock = threading.Lock()


def hashing_thread() -> HashingThread:
    """The thread of this process."""
    global _thread
    with _lock:
        if _thread is None:
            _thread = HashingThread()
        return _thread


def _forget_thread() -> None:
    """A forked process has only the thread that forked, and may have a lock that another thread held."""
    global _thread, _lock
    _thread, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_thread)


class PBKDF2PasswordHasher(hashers.PBKDF2PasswordHasher):
    """Django's hasher, run in that thread. The hashes are the same."""

    def encode(self, password: Any, salt: Any, iterations: int | None = None) -> str:
        return hashing_thread().run(lambda: super(PBKDF2PasswordHasher, self).encode(password, salt, iterations))
