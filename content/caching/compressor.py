"""zstd for what is large (RFC 8878), read back within bounds."""

import sys
from typing import Any

from django_redis.compressors.base import BaseCompressor
from django_redis.exceptions import CompressorError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# No MessagePack of one value begins with these four bytes and goes on: 0x28 is a number by itself.
_MAGIC = b"\x28\xb5\x2f\xfd"
_COMPRESS_FROM = 1024
_LEVEL = 3
# Bytes. Larger values were not stored by us, and are not decompressed.
_LARGEST = 64 * 1024 * 1024


class ZstdCompressor(BaseCompressor):  # type: ignore[misc]  # django-redis has no types
    """For OPTIONS["COMPRESSOR"]. OPTIONS["COMPRESS_FROM"]: bytes from which it pays, 1024 unless told."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options)
        self._threshold = int(options.get("COMPRESS_FROM", _COMPRESS_FROM))

    def compress(self, value: bytes) -> bytes:
        if len(value) < self._threshold:
            return value
        compressed = zstd.compress(value, level=_LEVEL)
        return compressed if len(compressed) < len(value) else value

    def decompress(self, value: bytes) -> bytes:
        """As it is where it is not compressed. CompressorError for what is damaged or past 64 MiB."""
        if not value.startswith(_MAGIC):
            return value
        try:
            decompressor = zstd.ZstdDecompressor()
            content = decompressor.decompress(value, max_length=_LARGEST)
        except zstd.ZstdError as error:
            raise CompressorError(str(error)) from error
        if not decompressor.eof:
            raise CompressorError(f"cut short, or larger than {_LARGEST} bytes")
        return content
