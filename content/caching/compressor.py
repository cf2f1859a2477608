"""Compress large values with zstd (RFC 8878). Decompression is bounded."""

import lzma
import sys
import zlib
from collections.abc import Callable
from typing import Any

from django_redis.compressors.base import BaseCompressor
from django_redis.exceptions import CompressorError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Zstd frames begin with these bytes. A MessagePack value cannot: 0x28 is a whole number by itself.
_MAGIC = b"\x28\xb5\x2f\xfd"
# Bytes.
_COMPRESS_FROM = 1024
_LEVEL = 3
# Bytes of a decompressed value. A larger one is not compressed, so that it can be read.
LARGEST = 64 * 1024 * 1024


class ZstdCompressor(BaseCompressor):  # type: ignore[misc]  # django-redis has no types
    """A compressor for OPTIONS["COMPRESSOR"].

    OPTIONS["COMPRESS_FROM"]: the smallest size to compress, in bytes (default 1024).
    """

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options)
        self._threshold = int(options.get("COMPRESS_FROM", _COMPRESS_FROM))

    def compress(self, value: bytes) -> bytes:
        if not self._threshold <= len(value) <= LARGEST:
            return value
        compressed = zstd.compress(value, level=_LEVEL)
        return compressed if len(compressed) < len(value) else value

    def decompress(self, value: bytes) -> bytes:
        """Return uncompressed values as they are. Raises CompressorError for damaged ones and beyond 64 MiB."""
        return _decompress_zstd(value) if value.startswith(_MAGIC) else value


def decompressor_of(compressor: Any) -> Callable[[bytes], bytes]:
    """The compressor's `decompress`, with a bound of 64 MiB where the compressor itself has none.

    It knows those of django-redis that are in Python's library or zstd; lz4 and brotli stay as they are.
    """
    own: Callable[[bytes], bytes] = compressor.decompress
    return _BOUNDED.get(f"{type(compressor).__module__}.{type(compressor).__qualname__}", own)


def _decompress_zstd(value: bytes) -> bytes:
    return _decompress(zstd.ZstdDecompressor(), value)


def _decompress(decompressor: Any, value: bytes) -> bytes:
    try:
        content: bytes = decompressor.decompress(value, LARGEST)
    except (zstd.ZstdError, zlib.error, lzma.LZMAError, EOFError) as error:
        raise CompressorError(str(error)) from error
    if not decompressor.eof:
        raise CompressorError(f"The value is truncated, or larger than {LARGEST} bytes.")
    return content


_BOUNDED: dict[str, Callable[[bytes], bytes]] = {
    "django_redis.compressors.zlib.ZlibCompressor": lambda value: _decompress(zlib.decompressobj(), value),
    "django_redis.compressors.gzip.GzipCompressor": lambda value: _decompress(
        zlib.decompressobj(zlib.MAX_WBITS | 16), value
    ),
    "django_redis.compressors.lzma.LzmaCompressor": lambda value: _decompress(lzma.LZMADecompressor(), value),
    "django_redis.compressors.zstd.ZStdCompressor": _decompress_zstd,
}
