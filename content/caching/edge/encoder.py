"""Codes pages, behind their readers, one at a time in a thread of its own: once each, never for a single answer."""

import asyncio
import gzip
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

logger = logging.getLogger(__name__)

# Levels by heat: what is read a lot is worth the time, which for the highest of brotli is some 20 ms for 8 KB.
QUICK = {"br": 5, "zstd": 6, "gzip": 6}
BEST = {"br": 11, "zstd": 19, "gzip": 9}
# Past so many bytes the best costs seconds, for a few percent.
_LARGE = 256 * 1024
# Pages that wait for their turn; beyond that they go out as they are, and are asked for again.
_MOST_WAITING = 64
# What comes out must be smaller by so much to be worth its memory.
_WORTH = 0.9

Done = Callable[[bytes | None], None]


def level_of(coding: str, length: int, *, hot: bool) -> int:
    return BEST[coding] if hot and length <= _LARGE else QUICK[coding]


def _encode(coding: str, level: int, body: bytes) -> bytes:
    match coding:
        case "br":
            return bytes(brotli.compress(body, mode=brotli.MODE_TEXT, quality=level))
        case "zstd":
            return bytes(zstd.compress(body, level))
        case "gzip":
            return gzip.compress(body, level, mtime=0)
    raise ValueError(f"no coding {coding!r} is known here")


class Encoder:
    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self.waiting: set[asyncio.Future[bytes]] = set()

    def start(self, coding: str, level: int, body: bytes, done: Done) -> bool:
        """`done` is called in this loop, with None for what does not pay. False: too many wait, ask again."""
        if len(self.waiting) >= _MOST_WAITING:
            return False
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "encoder")
        future = asyncio.get_running_loop().run_in_executor(self._thread, _encode, coding, level, body)
        self.waiting.add(future)
        future.add_done_callback(partial(self._finish, len(body), done))
        return True

    def _finish(self, length: int, done: Done, future: "asyncio.Future[bytes]") -> None:
        self.waiting.discard(future)
        if future.cancelled():
            return
        if error := future.exception():
            logger.error("a page could not be coded", exc_info=error)
        body = None if error else future.result()
        done(body if body is not None and len(body) <= length * _WORTH else None)
