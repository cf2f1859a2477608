"""Django cache backends without pickle. The async methods of RedisCache use no threads."""

from .memcached import MemcachedCache
from .redis import RedisCache

__all__ = ["MemcachedCache", "RedisCache"]
