"""The site without its edge and without its resources' cache: every queryset is kept by django-cacheops instead."""

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS, MIDDLEWARE, REDIS_URL

EDGE = False
INSTALLED_APPS = ["cacheops", *INSTALLED_APPS, "tests.benchmarks.site.cacheops_app.CacheopsConfig"]
MIDDLEWARE = ["tests.benchmarks.site.cacheops_app.says_what_it_read", *MIDDLEWARE]
CACHEOPS_REDIS = REDIS_URL
CACHEOPS = {"content.*": {"ops": "all", "timeout": 300}}
