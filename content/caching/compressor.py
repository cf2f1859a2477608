"""Compress large values with zstd (RFC 8878). Decompression is bounded."""

import sys
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
# Bytes of a decompressed value. The cache never stores a larger one.
_LARGEST = 64 * 1024 * 1024


class ZstdCompressor(BaseCompressor):  # type: ignore[misc]  # django-redis has no types
    """For OPTIONS["COMPRESSOR"]. OPTIONS["COMPRESS_FROM"]: the smallest size to compress, in bytes (default 1024)."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options)
        self._threshold = int(options.get("COMPRESS_FROM", _COMPRESS_FROM))

    def compress(self, value: bytes) -> bytes:
        if len(value) < self._threshold:
            return value
        compressed = zstd.compress(value, level=_LEVEL)
        return compressed if len(compressed) < len(value) else value

    def decompress(self, value: bytes) -> bytes:
        """Return uncompressed values as they are. Raises CompressorError for damaged ones and beyond 64 MiB."""
        if not value.startswith(_MAGIC):
            return value
        try:
            decompressor = zstd.ZstdDecompressor()
            content = decompressor.decompress(value, max_length=_LARGEST)
        except zstd.ZstdError as error:
            raise CompressorError(str(error)) from error
        if not decompressor.eof:
            raise CompressorError(f"The value is truncated, or larger than {_LARGEST} bytes.")
        return content
