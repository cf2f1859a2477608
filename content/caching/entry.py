"""The envelope of one stored value: a format byte, a header that is read by itself, then the value.

byte 0      format
bytes 1-4   length of the header, big-endian
...         header, MessagePack
...         value, MessagePack; empty when the answer is "not there"

In the shared tier a large value is compressed (format 3), and its header is not: who judges entries reads their
beginnings alone. Format 1 had neither stale times nor a position: it is read as a miss.
"""

import time
from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec
from msgspec import inspect

from .errors import Unreadable
from .serializer import decode

__all__ = ["CachedValue", "Entry", "Header", "Position", "Stamp", "Unreadable", "Verdict", "pack", "unpack"]

FORMAT = 2
# The same as FORMAT, with a compressed value.
COMPRESSED = 3
# The first byte of an entry whose value is not compressed.
UNCOMPRESSED = bytes([FORMAT])
# Seconds. No entry lives longer, so the log's base forgets a tag after this time (rule 22).
MAX_LIFETIME = 31 * 24 * 3600.0
# Seconds. No process's clock, nor that of Redis, is so far ahead of another's.
MAX_SKEW = 24 * 3600.0
# Tags of an entry, and bytes of a header with so many.
MAX_TAGS = 1000
MAX_HEADER = 4 * 1024 * 1024
PREAMBLE = 5

Position = tuple[int, int]
NOWHERE: Position = (0, 0)
_MAX_SEQUENCE = 2**64


class Verdict(Enum):
    """The state of an entry by the invalidations since its load began."""

    VALID = "valid"
    EXPIRED = "expired"  # to be loaded again, and served meanwhile
    INVALID = "invalid"  # never to be served


class Stamp(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The place of a load's beginning in the order of invalidations: a position of the log, or values of counters."""

    epoch: str
    position: Position = NOWHERE
    versions: dict[str, tuple[int, int]] = {}


class Header(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Times in Unix seconds, the load's cost in seconds, what the entry depends on and since when."""

    made_at: float
    fresh_until: float
    stale_until: float
    error_until: float
    there: bool
    cost: float
    tags: tuple[str, ...]
    stamp: Stamp
    # The plan of warming that loaded it (content.caching.warm_plan); 0 for none, and in entries of earlier releases.
    warmed: int = 0

    def with_stamp(self, stamp: Stamp) -> "Header":
        """A copy with that stamp. Its times are cut to the longest life of an entry."""
        last = self.made_at + MAX_LIFETIME
        fresh_until, stale_until = min(self.fresh_until, last), min(self.stale_until, last)
        error_until = min(self.error_until, last)
        return Header(
            self.made_at, fresh_until, stale_until, error_until, self.there, self.cost, self.tags, stamp, self.warmed
        )


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One stored value with its header; `value` is still encoded."""

    header: Header
    value: bytes


encode_header = msgspec.msgpack.Encoder().encode
decode_header = msgspec.msgpack.Decoder(Header).decode


def pack(entry: Entry) -> bytes:
    header = encode_header(entry.header)
    return b"".join((UNCOMPRESSED, len(header).to_bytes(4, "big"), header, entry.value))


def unpack(stored: object) -> Entry:
    """Raises Unreadable for anything but an entry: garbage, another format, a value cut short."""
    if not isinstance(stored, bytes):
        raise Unreadable("no bytes")
    end = header_end(stored, (FORMAT,))
    return Entry(header=_decode_header(stored[PREAMBLE:end]), value=stored[end:])


def header_end(stored: bytes, formats: tuple[int, ...] = (FORMAT, COMPRESSED)) -> int:
    """The offset at which an entry's header ends.

    It may lie behind the end of `stored`, if that is only a beginning. Raises Unreadable.
    """
    if len(stored) < PREAMBLE or stored[0] not in formats:
        raise Unreadable("not an entry of a known format")
    size = int.from_bytes(stored[1:PREAMBLE], "big")
    if size > MAX_HEADER:
        raise Unreadable("a header larger than any")
    return PREAMBLE + size


def unpack_header(beginning: bytes) -> Header:
    """The header of an entry of which that is the beginning. Raises Unreadable, for a header cut short too."""
    return _decode_header(beginning[PREAMBLE : header_end(beginning)])


def _decode_header(content: bytes) -> Header:
    header = decode(decode_header, content)
    last, latest = header.made_at + MAX_LIFETIME, time.time() + MAX_SKEW
    # Comparisons with NaN are false.
    if not (
        header.made_at <= latest
        and header.fresh_until <= last
        and header.stale_until <= last
        and header.error_until <= last
        and -MAX_LIFETIME <= header.cost <= MAX_LIFETIME
    ):
        raise Unreadable("times that no entry has")
    milliseconds, sequence = header.stamp.position
    # An entry from behind the end of the log would outlive every invalidation.
    if not 0 <= milliseconds <= latest * 1000 or not 0 <= sequence < _MAX_SEQUENCE:
        raise Unreadable("a position that no log has")
    # Versions of a weak tag are two: its own, and those of the tag that it stands for.
    if len(header.tags) > MAX_TAGS or len(header.stamp.versions) > 2 * MAX_TAGS:
        raise Unreadable("more tags than any entry has")
    return header


def compress_value(content: bytes, compress: Callable[[bytes], bytes]) -> bytes:
    """A packed entry with its value compressed, or as it is if `compress` returns the same value."""
    end = PREAMBLE + int.from_bytes(content[1:PREAMBLE], "big")
    value = content[end:]
    compressed = compress(value)
    return content if compressed is value else b"".join((bytes([COMPRESSED]), content[1:end], compressed))


def decompress_value(stored: bytes, decompress: Callable[[bytes], bytes]) -> bytes:
    """The packed entry. `decompress` returns what it cannot decompress; it stays, and is no entry."""
    kind = stored[0] if len(stored) >= PREAMBLE else FORMAT
    if kind == FORMAT:
        return stored
    if kind != COMPRESSED:
        # Earlier releases compressed the header with the value.
        return decompress(stored)
    end = PREAMBLE + int.from_bytes(stored[1:PREAMBLE], "big")
    compressed = stored[end:]
    value = decompress(compressed)
    return stored if value is compressed else b"".join((UNCOMPRESSED, stored[1:end], value))


class CachedValue(msgspec.Struct, eq=False, gc=False):
    """A header, and a value as it was stored (bytes) or decoded.

    Memory holds one for each entry. They form no cycles, so the garbage collector need not track them (gc=False).
    """

    header: Header
    value: Any
    is_decoded: bool
    stale: bool = False
    verdict: Verdict = Verdict.VALID
    # The ordering's version for which `verdict` was found; -1: not judged yet.
    version: int = -1
    # In memory: the number of reads, and the time before which a fresh value is not refreshed.
    reads: int = 0
    no_refresh_before: float = float("-inf")
    # Prepared by its reader from the value; the edge stores wire images here.
    derived: Any = None
    # The reads that were collected for heat. Only the collector changes it, so that a hit needs no lock.
    reads_taken: int = 0

    def as_stale(self) -> "CachedValue":
        return CachedValue(self.header, self.value, self.is_decoded, stale=True)

    def is_servable(self, now: float) -> bool:
        """Whether a reader would be given it at that time (Unix seconds), fresh or stale."""
        return self.verdict is not Verdict.INVALID and now < self.header.stale_until

    def is_newer_than(self, seen_at: float) -> bool:
        """Whether it is valid, and newer than the entry that was made at `seen_at`, in Unix seconds."""
        return self.verdict is Verdict.VALID and self.header.made_at > seen_at


class LoadedAbsence(CachedValue, eq=False, gc=True):
    """The answer "not there" of a load, for the readers who wait for it. Tiers hold no exceptions."""

    cause: BaseException | None = None

    @classmethod
    def of(cls, value: CachedValue, absence: BaseException) -> "LoadedAbsence":
        """The value with what its loader raised."""
        return cls(value.header, value.value, value.is_decoded, stale=value.stale, cause=absence.__cause__ or absence)

    def as_stale(self) -> "LoadedAbsence":
        return LoadedAbsence(self.header, self.value, self.is_decoded, stale=True, cause=self.cause)


_PLAIN = (
    inspect.NoneType,
    inspect.BoolType,
    inspect.IntType,
    inspect.FloatType,
    inspect.StrType,
    inspect.BytesType,
    inspect.DateTimeType,
    inspect.DateType,
    inspect.TimeType,
    inspect.TimeDeltaType,
    inspect.UUIDType,
    inspect.DecimalType,
    inspect.EnumType,
    inspect.LiteralType,
)


def is_immutable(kind: Any) -> bool:
    """Whether readers may share one decoded value of this type, because nobody can change it.

    True for plain values, tuples and frozen structs of such; False for lists, mappings, and what is unknown.
    """
    return _all_immutable(inspect.type_info(kind), frozenset())


def _all_immutable(info: inspect.Type, inside: frozenset[Any]) -> bool:
    match info:
        case inspect.UnionType():
            return all(_all_immutable(each, inside) for each in info.types)
        case inspect.VarTupleType() | inspect.FrozenSetType():
            return _all_immutable(info.item_type, inside)
        case inspect.TupleType():
            return all(_all_immutable(each, inside) for each in info.item_types)
        case inspect.StructType():
            if info.cls in inside:
                return True
            config: Any = getattr(info.cls, "__struct_config__", None)
            frozen = isinstance(config, msgspec.structs.StructConfig) and config.frozen
            return frozen and all(_all_immutable(field.type, inside | {info.cls}) for field in info.fields)
    return isinstance(info, _PLAIN)
