"""One WebSocket text message, encoded once for all connections."""

import struct
import zlib
from functools import cached_property

_SHORT, _MEDIUM = 126, 65536
_TEXT, _COMPRESSED_TEXT = 0x81, 0xC1
# The window of deflated frames as a power of two (RFC 7692, section 7.1.2), and a quick level.
WINDOW_BITS, _LEVEL = 15, 1
# Every deflated message ends with it, and leaves it out (RFC 7692, section 7.2.1).
_TAIL = b"\x00\x00\xff\xff"


class Frame:
    """`text`: UTF-8. A server's frames have no mask, so that all connections can share the bytes."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    @cached_property
    def plain(self) -> bytes:
        return _head(_TEXT, len(self.text)) + self.text

    @cached_property
    def deflated(self) -> bytes:
        """The frame, compressed without the context of earlier messages (RFC 7692, section 7.1.1.1)."""
        compressor = zlib.compressobj(_LEVEL, wbits=-WINDOW_BITS)
        content = compressor.compress(self.text) + compressor.flush(zlib.Z_SYNC_FLUSH)
        content = content.removesuffix(_TAIL)
        return _head(_COMPRESSED_TEXT, len(content)) + content


def _head(first: int, length: int) -> bytes:
    """RFC 6455, section 5.2."""
    if length < _SHORT:
        return bytes((first, length))
    if length < _MEDIUM:
        return struct.pack("!BBH", first, 126, length)
    return struct.pack("!BBQ", first, 127, length)
