"""Django cache backends without pickle. The async methods of RedisCache use no threads."""

from content.caching.backends.memcached import MemcachedCache
from content.caching.backends.redis import RedisCache

__all__ = ["MemcachedCache", "RedisCache"]
