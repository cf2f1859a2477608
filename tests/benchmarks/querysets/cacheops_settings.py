"""The site without its edge and without the cache of its resources; django-cacheops caches all querysets."""

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS, REDIS_URL

EDGE = False
INSTALLED_APPS = ["cacheops", *INSTALLED_APPS, "tests.benchmarks.querysets.app.QuerysetsConfig"]
CACHEOPS_REDIS = REDIS_URL
CACHEOPS = {"content.*": {"ops": "all", "timeout": 3600}}
