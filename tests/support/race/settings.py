"""Settings of a racing process: a cache, a database, and nothing else."""

import os

import dj_database_url

from content.caching.backends.server import location_and_options

SECRET_KEY = "for tests only"
INSTALLED_APPS = ["content.caching"]
if "RACE_WATCHED" in os.environ:
    INSTALLED_APPS.append("content.caching.watch")
USE_TZ = True
LOCATION, OPTIONS = location_and_options(os.environ.get("RACE_REDIS", "redis://127.0.0.1:1"))
CACHES = {
    "default": {
        "BACKEND": "content.caching.backends.RedisCache",
        "LOCATION": LOCATION,
        "KEY_PREFIX": "race",
        "OPTIONS": {
            "SERIALIZER": "content.caching.serializer.MessagePackSerializer",
            "SOCKET_TIMEOUT": 0.5,
            "SOCKET_CONNECT_TIMEOUT": 0.5,
            **OPTIONS,
        },
    }
}
DATABASES = {
    "default": dj_database_url.parse(os.environ.get("RACE_DATABASE", "sqlite://:memory:"), conn_max_age=None)
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
    }
