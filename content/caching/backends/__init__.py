"""Django cache backends without pickle; RedisCache's a* methods are natively async."""

from content.caching.backends.memcached import MemcachedCache
from content.caching.backends.redis import RedisCache

__all__ = ["MemcachedCache", "RedisCache"]
