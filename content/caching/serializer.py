"""A serializer for django-redis without pickle, which can run code when it is read."""

from typing import Any

import msgspec
from django_redis.serializers.base import BaseSerializer


class MessagePackSerializer(BaseSerializer):  # type: ignore[misc]  # django-redis has no types
    """MessagePack: numbers, text, bytes, lists, mappings and dates. Raises TypeError for anything else."""

    def dumps(self, value: Any) -> bytes:
        return msgspec.msgpack.encode(value)

    def loads(self, value: bytes) -> Any:
        return msgspec.msgpack.decode(value)
