"""The site without its edge and without the cache of its resources; django-cachalot caches all querysets."""

from project.settings import *  # noqa: F403
from project.settings import CACHES, INSTALLED_APPS, REDIS_URL

EDGE = False
INSTALLED_APPS = ["cachalot", *INSTALLED_APPS, "tests.benchmarks.querysets.app.QuerysetsConfig"]
# A backend that django-cachalot supports.
CACHES["querysets"] = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
CACHALOT_CACHE = "querysets"
