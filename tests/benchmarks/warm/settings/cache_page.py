"""The site without a cache of ours: Django's per-site cache on django-redis, as both documentations have it."""

import os

from project.settings import *  # noqa: F403
from project.settings import CACHES, INSTALLED_APPS, MIDDLEWARE, REDIS_URL

EDGE = False
INSTALLED_APPS = [*INSTALLED_APPS, "tests.benchmarks.warm.apps.PlainLoads"]
MIDDLEWARE = [
    "tests.benchmarks.warm.status.add_status_of_page",
    "django.middleware.cache.UpdateCacheMiddleware",
    "tests.benchmarks.warm.status.drop_cache_control",
    *MIDDLEWARE,
    "django.middleware.cache.FetchFromCacheMiddleware",
    "tests.benchmarks.warm.status.number_pages",
]
CACHES = CACHES | {
    "pages": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"},
    }
}
CACHE_MIDDLEWARE_ALIAS = "pages"
CACHE_MIDDLEWARE_SECONDS = int(os.environ["BENCH_LIFETIME"])
CACHE_MIDDLEWARE_KEY_PREFIX = "site"
