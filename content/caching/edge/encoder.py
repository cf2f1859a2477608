"""Compress bodies: in one background thread, at a quick level or at the best one."""

import asyncio
import gzip
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

import brotli

from .page import Coded

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

logger = logging.getLogger(__name__)

# brotli 11 takes about 20 ms for 8 KB, brotli 5 a third of a millisecond.
QUICK = {"br": 5, "zstd": 6, "gzip": 6}
BEST = {"br": 11, "zstd": 19, "gzip": 9}
# Above this size the best level takes seconds and saves only a few percent (bytes).
_LARGE = 256 * 1024
# Compressions that may wait. Beyond that, pages are sent uncompressed and retried on a later request.
_MOST_WAITING = 64
# Keep a result only if it is at most this share of the original.
_WORTH = 0.9


def level_of(coding: str, length: int, *, hot: bool) -> int:
    return BEST[coding] if hot and length <= _LARGE else QUICK[coding]


def is_of_encoder(coded: Coded, length: int) -> bool:
    """Whether this encoder could have made it from a body of that length in bytes: it comes from a shared store."""
    levels = (QUICK.get(coded.coding), BEST.get(coded.coding))
    return coded.level in levels and 0 < len(coded.body) <= length


def is_best(coded: Coded, length: int) -> bool:
    """Whether no other level is worth its time for a body of that length in bytes."""
    return coded.level == level_of(coded.coding, length, hot=True)


def encode(coding: str, level: int, body: bytes) -> bytes:
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

    @property
    def is_full(self) -> bool:
        return len(self.waiting) >= _MOST_WAITING

    async def encode(self, coding: str, body: bytes, *, hot: bool) -> Coded | None:
        """Compress a body. None if that saves too little, or fails."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "encoder")
        level = level_of(coding, len(body), hot=hot)
        future = asyncio.get_running_loop().run_in_executor(self._thread, encode, coding, level, body)
        self.waiting.add(future)
        try:
            coded = await future
        except Exception:
            logger.exception("Cannot compress a page; it is sent uncompressed.")
            return None
        finally:
            self.waiting.discard(future)
        return Coded(coding, level, coded) if len(coded) <= len(body) * _WORTH else None
