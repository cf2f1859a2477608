"""A serializer for django-redis: MessagePack, and never pickle, which runs code when it is read."""

from typing import Any

import msgspec
from django_redis.serializers.base import BaseSerializer


class MessagePackSerializer(BaseSerializer):  # type: ignore[misc]  # django-redis has no types
    """Plain data only: numbers, text, bytes, lists, mappings, dates. Anything else is a TypeError."""

    def dumps(self, value: Any) -> bytes:
        return msgspec.msgpack.encode(value)

    def loads(self, value: bytes) -> Any:
        return msgspec.msgpack.decode(value)
