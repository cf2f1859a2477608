"""MessagePack that keeps types: a type that MessagePack does not know is an extension with a number of its own.

Plain data (text, bytes, numbers, None, lists and mappings of such) has no extensions. There is no pickle, which can
run code when it is read. Bytes from shared stores are decoded here.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum
from itertools import chain
from typing import Any, TypeVar, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from django.http import HttpResponse
from django.utils.safestring import SafeString
from django_redis.serializers.base import BaseSerializer

from .errors import Unreadable
from .stored_response import PlainResponse, to_plain, to_response

# Lists within lists. Readers with a deep stack of calls can decode as many.
MAX_DEPTH = 100

# The numbers are stored: never give one to another type.
_TUPLE, _SET, _FROZENSET, _MAPPING = 1, 2, 3, 4
_DECIMAL, _INTEGER, _UUID = 5, 6, 7
_DATE, _TIME, _TIMEDELTA, _DATETIME = 8, 9, 10, 11
_SAFE_TEXT, _SURROGATES = 12, 13
_RESPONSE = 14

Kinds = frozenset[type]
# Types that MessagePack gives back as they were.
_PLAIN: Kinds = frozenset({str, int, float, bool, bytes, type(None)})
# Text that is no Unicode and numbers past 64 bits are found by the error of the encoder; then each one is looked at.
_PLAIN_FOR_CERTAIN: Kinds = _PLAIN - {str, int}

_pack = msgspec.msgpack.Encoder().encode


def encode(value: Any) -> bytes:
    """Raises TypeError for a value that would not come back as it is: see docs/backends.md for the types that do."""
    try:
        return _pack(value if type(value) in _PLAIN else _to_packable(value, _PLAIN, 0))
    except (OverflowError, UnicodeEncodeError):
        return _pack(_to_packable(value, _PLAIN_FOR_CERTAIN, 0))


def _to_packable(value: Any, plain: Kinds, depth: int) -> Any:
    """The value, with extensions for what is not plain. Plain parts are the same objects."""
    kind = type(value)
    if kind in plain:
        return value
    if depth >= MAX_DEPTH:
        raise TypeError(f"The value is nested more than {MAX_DEPTH} levels deep, or holds itself.")
    if kind is dict:
        return _mapping_to_packable(value, plain, depth)
    if kind is list:
        return value if plain.issuperset(map(type, value)) else _items(value, plain, depth)
    if (converter := _CONVERTERS.get(kind)) is not None:
        return converter(value, plain, depth)
    if isinstance(value, Enum):
        return _to_packable(value.value, plain, depth + 1)
    if isinstance(value, HttpResponse):
        return msgspec.msgpack.Ext(_RESPONSE, _pack(to_plain(value)))
    raise TypeError(
        f"A value of type {kind.__module__}.{kind.__qualname__} cannot be cached: it would not come back as it is. "
        f"Store plain data: text, numbers, dates, lists, dicts (a model as model_to_dict, say)."
    )


def _items(values: Any, plain: Kinds, depth: int) -> list[Any]:
    return [value if type(value) in plain else _to_packable(value, plain, depth + 1) for value in values]


def _mapping_to_packable(value: dict[Any, Any], plain: Kinds, depth: int) -> Any:
    values = value.values()
    if plain.issuperset(map(type, value)):
        if plain.issuperset(map(type, values)):
            return value
        return dict(zip(value, _items(values, plain, depth), strict=True))
    # Pairs: an extension cannot be a key of MessagePack.
    return msgspec.msgpack.Ext(_MAPPING, _pack(_items(chain.from_iterable(value.items()), plain, depth)))


Converter = Callable[[Any, Kinds, int], Any]


def _collection(number: int) -> Converter:
    return lambda value, plain, depth: msgspec.msgpack.Ext(number, _pack(_items(value, plain, depth)))


def _scalar(number: int, to_bytes: Callable[[Any], bytes]) -> Converter:
    return lambda value, plain, depth: msgspec.msgpack.Ext(number, to_bytes(value))


def _text(value: str, plain: Kinds, depth: int) -> Any:
    """Text with lone surrogates (from a broken file name, say) is no Unicode."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return msgspec.msgpack.Ext(_SURROGATES, value.encode("utf-8", "surrogatepass"))
    return value


def _integer(value: int, plain: Kinds, depth: int) -> Any:
    if -(2**63) <= value < 2**64:
        return value
    return msgspec.msgpack.Ext(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


# --- times -------------------------------------------------------------------------------------------


def _datetime_to_packable(value: datetime, plain: Kinds, depth: int) -> Any:
    # MessagePack's own timestamp is read as a datetime in UTC.
    if value.tzinfo is UTC and not value.fold:
        return value
    return msgspec.msgpack.Ext(_DATETIME, _pack(_moment_fields(value)))


def _moment_fields(value: datetime | time) -> tuple[Any, ...]:
    """The local time in ISO 8601, fold, the zone's name and the offset in microseconds."""
    zone = value.tzinfo
    offset = None if zone is None else value.utcoffset()
    name = zone.key if isinstance(zone, ZoneInfo) else None
    if zone is not None and offset is None and name is None:
        raise TypeError(f"The time zone {zone!r} has no offset, so the time cannot be cached.")
    microseconds = None if offset is None else offset // timedelta(microseconds=1)
    return value.replace(tzinfo=None).isoformat(), value.fold, name, microseconds


def _zone_of(name: str | None, microseconds: int | None) -> tzinfo | None:
    """The zone by its name, else a fixed offset."""
    if name is not None:
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, LookupError):
            # Unknown on this machine. ZoneInfo raises these three.
            if microseconds is None:
                raise
    if microseconds is None:
        return None
    return timezone(timedelta(microseconds=microseconds)) if microseconds else UTC


_unpack_moment = msgspec.msgpack.Decoder(tuple[str, int, str | None, int | None]).decode


def _to_datetime(data: Any) -> datetime:
    text, fold, name, microseconds = _unpack_moment(data)
    return datetime.fromisoformat(text).replace(tzinfo=_zone_of(name, microseconds), fold=fold)


def _to_time(data: Any) -> time:
    text, fold, name, microseconds = _unpack_moment(data)
    return time.fromisoformat(text).replace(tzinfo=_zone_of(name, microseconds), fold=fold)


def _timedelta_to_bytes(value: timedelta) -> bytes:
    return _pack((value.days, value.seconds, value.microseconds))


_unpack_timedelta = msgspec.msgpack.Decoder(tuple[int, int, int]).decode


# --- the table ---------------------------------------------------------------------------------------

_CONVERTERS: dict[type, Converter] = {
    tuple: _collection(_TUPLE),
    set: _collection(_SET),
    frozenset: _collection(_FROZENSET),
    Decimal: _scalar(_DECIMAL, lambda value: str(value).encode()),
    UUID: _scalar(_UUID, lambda value: value.bytes),
    date: _scalar(_DATE, lambda value: value.isoformat().encode()),
    time: _scalar(_TIME, lambda value: _pack(_moment_fields(value))),
    timedelta: _scalar(_TIMEDELTA, _timedelta_to_bytes),
    datetime: _datetime_to_packable,
    SafeString: _scalar(_SAFE_TEXT, lambda value: value.encode("utf-8", "surrogatepass")),
    str: _text,
    int: _integer,
}


def _from_extension(number: int, data: memoryview) -> Any:
    reader = _READERS.get(number)
    if reader is None:
        raise Unreadable(f"extension {number} is none of this release")
    return reader(data)


# The inverse of `encode`. It raises many exceptions for bytes that it cannot read: call it by `serializer.decode`.
unpack: Callable[[bytes], Any] = msgspec.msgpack.Decoder(ext_hook=_from_extension).decode
_unpack_items = msgspec.msgpack.Decoder(list[Any], ext_hook=_from_extension).decode
_unpack_response = msgspec.msgpack.Decoder(PlainResponse).decode


def _to_mapping(data: Any) -> dict[Any, Any]:
    items = iter(_unpack_items(data))
    return dict(zip(items, items, strict=True))


_READERS: dict[int, Callable[[Any], Any]] = {
    _TUPLE: lambda data: tuple(_unpack_items(data)),
    _SET: lambda data: set(_unpack_items(data)),
    _FROZENSET: lambda data: frozenset(_unpack_items(data)),
    _MAPPING: _to_mapping,
    _DECIMAL: lambda data: Decimal(str(data, "ascii")),
    _INTEGER: lambda data: int.from_bytes(data, "big", signed=True),
    _UUID: lambda data: UUID(bytes=bytes(data)),
    _DATE: lambda data: date.fromisoformat(str(data, "ascii")),
    _TIME: _to_time,
    _TIMEDELTA: lambda data: timedelta(*_unpack_timedelta(data)),
    _DATETIME: _to_datetime,
    _SAFE_TEXT: lambda data: SafeString(str(data, "utf-8", "surrogatepass")),
    _SURROGATES: lambda data: str(data, "utf-8", "surrogatepass"),
    _RESPONSE: lambda data: to_response(cast(PlainResponse, _unpack_response(data))),
}


T = TypeVar("T")


def decode(decoder: Callable[[Any], T], data: Any) -> T:
    """`decoder(data)` for data from a shared store. Raises only Unreadable, whatever the decoder raises.

    Msgspec has errors of its own and lets others through: UnicodeDecodeError, RecursionError, MemoryError.
    """
    try:
        return decoder(data)
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error


class MessagePackSerializer(BaseSerializer):  # type: ignore[misc]  # django-redis has no types
    """A serializer for OPTIONS["SERIALIZER"]: MessagePack that keeps types. docs/backends.md lists them."""

    def dumps(self, value: Any) -> bytes:
        """Raises TypeError for a value that would not come back as it is."""
        return encode(value)

    def loads(self, value: bytes) -> Any:
        """Raises Unreadable for damaged bytes, pickles and formats of other releases."""
        return decode(unpack, value)
