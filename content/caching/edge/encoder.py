"""Compress pages in one background thread: once per page and coding, never for a single response."""

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

# Hot pages get the best level. brotli 11 takes about 20 ms for 8 KB.
QUICK = {"br": 5, "zstd": 6, "gzip": 6}
BEST = {"br": 11, "zstd": 19, "gzip": 9}
# Above this size the best level takes seconds and saves only a few percent (bytes).
_LARGE = 256 * 1024
# Compressions that may wait. Beyond that, pages are sent uncompressed and retried on a later request.
_MOST_WAITING = 64
# Keep a result only if it is at most this share of the original.
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
    raise ValueError(f"unknown content coding {coding!r}")


class Encoder:
    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self.waiting: set[asyncio.Future[bytes]] = set()

    def start(self, coding: str, level: int, body: bytes, done: Done) -> bool:
        """Start to compress. False: the queue is full; try again later.

        `done` is called in this event loop with the result, or None if compression saves too little.
        """
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
            logger.error("Cannot compress a page; it is sent uncompressed.", exc_info=error)
        body = None if error else future.result()
        done(body if body is not None and len(body) <= length * _WORTH else None)
