"""Decode bytes from shared stores, and the serializer without pickle, which can run code when it is read."""

from collections.abc import Callable
from typing import Any, TypeVar

from django_redis.serializers.base import BaseSerializer

from . import codec
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
    """For OPTIONS["SERIALIZER"]: MessagePack that keeps types. docs/backends.md lists them."""

    def dumps(self, value: Any) -> bytes:
        """Raises TypeError for a value that would not come back as it is."""
        return codec.encode(value)

    def loads(self, value: bytes) -> Any:
        """Raises Unreadable for damaged bytes, pickles and formats of other releases."""
        return decode(codec.unpack, value)
