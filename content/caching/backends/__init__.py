"""Django cache backends whose a* methods are natively async."""

from content.caching.backends.redis import RedisCache

__all__ = ["RedisCache"]
