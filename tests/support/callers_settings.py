"""Settings of the processes in callers.py: a cache, and nothing else."""

import os

SECRET_KEY = "for tests only"
INSTALLED_APPS: list[str] = []
USE_TZ = True
CACHES = {
    "default": {
        "BACKEND": "content.caching.backends.RedisCache",
        "LOCATION": os.environ.get("CALLERS_REDIS", "redis://127.0.0.1:1"),
        "KEY_PREFIX": "callers",
        "OPTIONS": {
            "SERIALIZER": "content.caching.serializer.MessagePackSerializer",
            "SOCKET_TIMEOUT": 2.0,
            "SOCKET_CONNECT_TIMEOUT": 2.0,
        },
    }
}
