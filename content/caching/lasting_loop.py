"""The event loop for callers without one: on a daemon thread, from its first use to the end of the process."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
# A forked child has the loops of its parents, which no thread runs there. To drop one would close its descriptors.
_inherited: list[asyncio.AbstractEventLoop] = []


def lasting_loop() -> asyncio.AbstractEventLoop:
    global _loop
    if _loop is None:
        with _lock:
            if _loop is None:
                loop = asyncio.new_event_loop()
                threading.Thread(target=loop.run_forever, name="evergreen-loop", daemon=True).start()
                _loop = loop
    return _loop


def call_soon(callback: Callable[..., Any], *arguments: Any) -> None:
    """Call it on the lasting loop, and do not wait."""
    lasting_loop().call_soon_threadsafe(callback, *arguments)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine on the lasting loop while this thread waits. An interrupt of the thread cancels it."""
    future = asyncio.run_coroutine_threadsafe(coroutine, lasting_loop())
    try:
        return future.result()
    finally:
        future.cancel()


def run_inline(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine whose calls block this thread, and which never waits for an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("A coroutine that was run without an event loop waits for one.")


def _forget_in_child() -> None:
    global _loop, _lock
    _lock = threading.Lock()
    if _loop is not None:
        _inherited.append(_loop)
        _loop = None


os.register_at_fork(after_in_child=_forget_in_child)
