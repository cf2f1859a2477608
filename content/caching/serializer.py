"""Encode values without pickle, which can run code when it is read, and decode bytes from shared stores."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from django_redis.serializers.base import BaseSerializer

from .errors import Unreadable

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
    """MessagePack: numbers, text, bytes, lists, mappings and dates. Raises TypeError for anything else."""

    def dumps(self, value: Any) -> bytes:
        return msgspec.msgpack.encode(value)

    def loads(self, value: bytes) -> Any:
        return msgspec.msgpack.decode(value)
