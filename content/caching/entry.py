"""The envelope of one stored value: a format byte, a header that is read by itself, then the value.

byte 0      format, FORMAT
bytes 1-4   length of the header, big-endian
...         header, MessagePack
...         value, MessagePack; empty when the answer is "not there"
"""

import msgspec

FORMAT = 1
PREAMBLE = 5


class Header(msgspec.Struct, frozen=True, array_like=True):
    """Times in Unix seconds, the load's cost in seconds, and where the entry's tags stood."""

    made_at: float
    fresh_until: float
    there: bool
    generation: int
    versions: dict[str, int]
    cost: float = 0.0


class Entry(msgspec.Struct, frozen=True):
    """One stored value with its header; `value` is still encoded."""

    header: Header
    value: bytes


class Unreadable(Exception):
    """Bytes that are no entry of a format we know."""


encode_header = msgspec.msgpack.Encoder().encode
decode_header = msgspec.msgpack.Decoder(Header).decode


def pack(entry: Entry) -> bytes:
    header = encode_header(entry.header)
    return b"".join((bytes([FORMAT]), len(header).to_bytes(4, "big"), header, entry.value))


def unpack(stored: object) -> Entry:
    """Raises Unreadable for anything but an entry: garbage, another format, a value cut short."""
    if not isinstance(stored, bytes) or len(stored) < PREAMBLE or stored[0] != FORMAT:
        raise Unreadable("not an entry of a known format")
    end = PREAMBLE + int.from_bytes(stored[1:PREAMBLE], "big")
    try:
        header = decode_header(stored[PREAMBLE:end])
    except msgspec.MsgspecError as error:
        raise Unreadable(str(error)) from error
    return Entry(header=header, value=stored[end:])
